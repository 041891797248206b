package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/berth-dev/berth/hack/dev/stack/existing"
)

// anExisting returns how Berth is installed into a cluster with everything.
func anExisting() *Existing {
	return &Existing{Kubeconfig: "k", Settings: existing.Settings{
		Registry: existing.Registry{Push: "r", Pull: "r"}, Issuer: "i", IngressClass: "c", RouterNamespace: "n",
	}}
}

// render renders the overlay of a stack with a cluster's env file; nil for an existing cluster.
func render(t *testing.T, env map[string]string) []*unstructured.Unstructured {
	t.Helper()
	return renderFor(t, env, anExisting())
}

func renderFor(t *testing.T, env map[string]string, e *Existing) []*unstructured.Unstructured {
	t.Helper()
	s := &Stack{opts: Options{Root: "../../..", Dir: t.TempDir(), BaseDomain: "apps.test"}, facadeAddr: "127.0.0.1:8011"}
	if err := s.makeSessionKey(); err != nil {
		t.Fatal(err)
	}
	if env != nil {
		s.Env.Mode, s.cluster = "node", &cluster{env: env}
	} else {
		s.Env.Mode, s.opts.Existing = "existing", e
	}
	if err := s.opts.complete(); err != nil {
		t.Fatal(err)
	}
	objects, err := s.render()
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// find decodes the object of a kind whose name begins with name; false if there is none.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string, into any) bool {
	t.Helper()
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == kind && strings.HasPrefix(o.GetName(), name)
	})
	if i < 0 {
		return false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, into); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestOverlayNamesTheClustersMailServer(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	objects := render(t, map[string]string{
		"SMTP_HOST": "10.1.2.3", "SMTP_PORT": "587", "SMTP_USER": "user", "SMTP_PASSWORD_FILE": password, "SMTP_CA": password,
		"OIDC_CLIENT_SECRET_FILE": password, "OIDC_CA": password,
	})
	var config corev1.ConfigMap
	var secret corev1.Secret
	var facade appsv1.Deployment
	if !find(t, objects, "ConfigMap", "berth-", &config) || !find(t, objects, "Secret", "berth-mail", &secret) ||
		!find(t, objects, "Deployment", "berth-facade", &facade) {
		t.Fatal("an object is missing")
	}
	want := []string{"10.1.2.3", "587", "user"}
	got := []string{config.Data["DEFAULT_EMAIL_HOST"], config.Data["DEFAULT_EMAIL_PORT"], config.Data["DEFAULT_EMAIL_HOST_USER"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ConfigMap: -want, +got:\n%s", diff)
	}
	if secret.Name != "berth-mail" || string(secret.Data["password"]) != "secret" {
		t.Errorf("the Secret is %s with %d bytes as password", secret.Name, len(secret.Data["password"]))
	}
	if args := facade.Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--email-allow-network=10.1.2.3/32") {
		t.Errorf("the facade's arguments are %q", args)
	}
}

func TestOverlayNamesTheClustersIdentityProvider(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	objects := render(t, map[string]string{
		"SMTP_PASSWORD_FILE": file, "SMTP_CA": file,
		"OIDC_ISSUER_URL": "https://dex.localhost:5556", "OIDC_CLIENT_ID": "berth", "OIDC_CLIENT_SECRET_FILE": file, "OIDC_CA": file,
	})
	var config corev1.ConfigMap
	var client, session corev1.Secret
	if !find(t, objects, "ConfigMap", "berth-", &config) || !find(t, objects, "Secret", "berth-oidc", &client) ||
		!find(t, objects, "Secret", "berth-session", &session) {
		t.Fatal("an object is missing")
	}
	want := []string{"https://dex.localhost:5556", "berth", "https://127.0.0.1:8011", "secret", "secret"}
	got := []string{
		config.Data["OIDC_ISSUER_URL"], config.Data["OIDC_CLIENT_ID"], config.Data["PUBLIC_URL"],
		string(client.Data["client-secret"]), string(client.Data["ca.crt"]),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the facade is told: -want, +got:\n%s", diff)
	}
	if len(session.Data["key"]) < 32 {
		t.Errorf("the session key has %d bytes", len(session.Data["key"]))
	}
}

func TestOverlayForAnExistingClusterNamesNoMailServer(t *testing.T) {
	t.Parallel()
	objects := render(t, nil)
	var config corev1.ConfigMap
	if !find(t, objects, "ConfigMap", "berth-", &config) {
		t.Fatal("there is no ConfigMap")
	}
	if host, port := config.Data["DEFAULT_EMAIL_HOST"], config.Data["DEFAULT_EMAIL_PORT"]; host != "" || port != "587" {
		t.Errorf("the mail server is %q, port %q", host, port)
	}
	if find(t, objects, "Secret", "berth-mail", &corev1.Secret{}) {
		t.Error("there is a Secret, though nobody knows its content")
	}
}

// The router of the one-node cluster is a process on its node, that of another cluster is Pods.
func TestOverlayNamesTheRouter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env       map[string]string
		namespace string
		network   string
	}{
		"Own": {
			env: map[string]string{
				"SMTP_PASSWORD_FILE": os.DevNull, "SMTP_CA": os.DevNull, "OIDC_CLIENT_SECRET_FILE": os.DevNull, "OIDC_CA": os.DevNull,
			},
			network: "10.200.0.1/32,10.244.0.1/32",
		},
		"Existing": {namespace: "n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var config corev1.ConfigMap
			if !find(t, render(t, tc.env), "ConfigMap", "berth-", &config) {
				t.Fatal("there is no ConfigMap")
			}
			want := []string{tc.namespace, tc.network}
			got := []string{config.Data["ROUTER_NAMESPACE"], config.Data["ROUTER_NETWORK"]}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the ConfigMap: -want, +got:\n%s", diff)
			}
		})
	}
}

// The operator asks no registry that it cannot reach: it would wait for each App.
func TestOverlayNamesTheRegistryOfAnExistingCluster(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		registry existing.Registry
		loader   *existing.Loader
		want     []string
	}{
		"Given": {registry: existing.Registry{Push: "r", Pull: "r"}, want: []string{"true", ""}},
		"DocumentedForPods": {
			registry: existing.Registry{Push: "localhost:5001", Pull: "k3d-reg:5000", Documented: true, InCluster: "k3d-reg:5000"},
			want:     []string{"true", "k3d-reg:5000=http://k3d-reg:5000"},
		},
		"DocumentedForTheRuntime": {
			registry: existing.Registry{Push: "localhost:5001", Pull: "localhost:5001", Documented: true}, want: []string{"false", ""},
		},
		"None": {loader: &existing.Loader{Tool: "kind", Cluster: "kind"}, want: []string{"false", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := anExisting()
			e.Registry, e.Loader = tc.registry, tc.loader
			var config corev1.ConfigMap
			if !find(t, renderFor(t, nil, e), "ConfigMap", "berth-", &config) {
				t.Fatal("there is no ConfigMap")
			}
			if diff := cmp.Diff(tc.want, []string{config.Data["ASK_REGISTRIES"], config.Data["REGISTRY_MIRRORS"]}); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}
