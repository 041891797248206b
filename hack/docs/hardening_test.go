package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/docs/page"
)

// block returns the block of code of the hardening guide that begins with a line.
func block(t *testing.T, first string) string {
	t.Helper()
	pages, err := page.ReadAll("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if p.Path != "docs/guides/hardening.md" {
			continue
		}
		for _, code := range p.Code {
			if strings.HasPrefix(code, first) {
				return code
			}
		}
	}
	t.Fatalf("the guide has no block that begins with %q", first)
	return ""
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestHardeningOfTheAPIServer starts an API server with the audit policy and the encryption that the guide shows, and looks at what it then logs.
func TestHardeningOfTheAPIServer(t *testing.T) {
	const secret = "a-value-that-no-log-may-have"
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	dir := t.TempDir()
	const placeholder = "REPLACE_WITH_BASE64_OF_32_RANDOM_BYTES"
	encryption := strings.Replace(block(t, "apiVersion: apiserver.config.k8s.io/v1"), placeholder, base64.StdEncoding.EncodeToString(key), 1)
	for name, content := range map[string]string{"audit.yaml": block(t, "apiVersion: audit.k8s.io/v1"), "encryption.yaml": encryption} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "audit.log")
	crds, err := filepath.Glob("../../config/crd/berth.dev_*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := &envtest.Environment{CRDDirectoryPaths: crds, ErrorIfCRDPathMissing: true}
	env.ControlPlane.GetAPIServer().Configure().
		Set("audit-policy-file", filepath.Join(dir, "audit.yaml")).Set("audit-log-path", log).Set("audit-log-mode", "blocking").
		Set("encryption-provider-config", filepath.Join(dir, "encryption.yaml"))
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Stop() })
	api, err := client.New(config, client.Options{Scheme: scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	app.Spec.Image = "example.com/web:v1"
	app.Spec.Env = []v1alpha1.EnvVar{{Name: "PASSWORD", Value: new(secret)}}
	for _, object := range []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "secret"}, StringData: map[string]string{"a": secret}},
		app,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "shown"}},
	} {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
		if bytes.Contains(text, []byte(form)) {
			t.Errorf("the audit log has the value as %s", form)
		}
	}
	levels := map[string]string{}
	for line := range bytes.Lines(text) {
		var event struct {
			Level     string
			Verb      string
			ObjectRef struct{ Resource, Name string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		if event.Verb == "create" {
			levels[event.ObjectRef.Resource+"/"+event.ObjectRef.Name] = event.Level
		}
	}
	for what, want := range map[string]string{"secrets/secret": "Metadata", "apps/web": "Metadata", "clusterroles/shown": "Request"} {
		if levels[what] != want {
			t.Errorf("the audit log has the creation of %s at the level %q, want %q", what, levels[what], want)
		}
	}
}
