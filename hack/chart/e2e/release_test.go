package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/e2e/witness"
)

// A release is installed in a Namespace of another name than the usual one, upgraded to other images too, uninstalled and installed again,
// while Apps run and somebody visits one of them. Nobody notices.
func TestRelease(t *testing.T) {
	previous, current := previousChart(t), currentChart(t)
	helm := newHelm(t, "platform")

	t.Cleanup(func() { helm.uninstall(t) })
	// The suite's organization is older than the release, as after an upgrade from a version with the keys in the release's Namespace.
	if _, err := berth.Berthctl(t.Context(), "apikey", "migrate", "--namespace", helm.namespace, "--helm-release", helm.namespace); err != nil {
		t.Fatal(err)
	}
	helm.install(t, previous, values(previousImages(t)))
	makeApp(t, "shop")
	makeDomain(t, "www.shop.test", "shop")
	mustBeReady(t, "shop")
	before, session := state(t, "shop"), sessionKey(t, helm.namespace)
	if isCurrent(t) {
		t.Fatal("the previous definition is the current one already, so that nothing shows whether it is upgraded")
	}
	visitor := visit(t, "shop."+berth.Env.BaseDomain)

	helm.upgrade(t, current, images(berth.Settings().ImageTags))
	mustRun(t, helm.namespace, berth.Settings().ImageTags)
	mustList(t, "shop")
	if !isCurrent(t) {
		t.Error("the definition of App is still the previous one")
	}
	if sessionKey(t, helm.namespace) != session {
		t.Error("the session key is another one, so that everybody has to sign in again")
	}
	makeApp(t, "upgraded")
	mustBeReady(t, "upgraded")
	mustBeTheSame(t, "upgrade", before, state(t, "shop"))

	helm.uninstall(t)
	mustHaveNoBerth(t, helm.namespace, 2)
	mustBeTheSame(t, "uninstallation", before, state(t, "shop"))
	visitor.MustNotHaveNoticed(t)

	visitor = visit(t, "www.shop.test")
	all := values(berth.Settings().ImageTags)
	all["mail"] = map[string]any{"password": "of the mail server"}
	helm.install(t, current, all)
	makeApp(t, "again")
	mustBeReady(t, "again")
	mustBeReady(t, "shop")
	mustList(t, "shop")
	mustBeTheSame(t, "new installation", before, state(t, "shop"))

	session = sessionKey(t, helm.namespace)
	traefik, host := startTraefik(t), "shop."+berth.Env.BaseDomain
	awaitName(t, traefik, host, host)
	makeWildcard(t, helm.namespace)
	helm.upgrade(t, current, map[string]any{
		"oidc": map[string]any{"sessionSecret": "berth-session"},
		"mail": map[string]any{"existingSecret": "berth-mail", "password": ""},
		"wildcardCertificate": map[string]any{
			"enabled": true, "traefik": true, "secretName": wildcardSecret, "namespace": helm.namespace,
		},
	})
	awaitName(t, traefik, host, "*."+berth.Env.BaseDomain)
	if sessionKey(t, helm.namespace) != session || secret(t, helm.namespace, "berth-mail")["password"] == nil {
		t.Error("Secrets of the release are gone, or others, since values name them")
	}
	visitor.MustNotHaveNoticed(t)
}

func makeApp(t *testing.T, name string) {
	t.Helper()
	app := &berthv1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name},
		Spec:       berthv1alpha1.AppSpec{Image: berth.Env.Registry + "/sample:v1"},
	}
	if err := berth.Client.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
}

// makeDomain makes a Domain of an App, which has the App's name.
func makeDomain(t *testing.T, host, app string) {
	t.Helper()
	domain := &berthv1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: app},
		Spec:       berthv1alpha1.DomainSpec{Host: host, AppRef: berthv1alpha1.AppRef{Name: app}},
	}
	if err := berth.Client.Create(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
}

func mustBeReady(t *testing.T, app string) {
	t.Helper()
	if err := berth.WaitReady(t.Context(), organization, app, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
}

// state is what would be another if an App's Pods were touched, and its Domain's certificate.
func state(t *testing.T, app string) []string {
	t.Helper()
	var deployment appsv1.Deployment
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: app}, &deployment); err != nil {
		t.Fatal(err)
	}
	var pods corev1.PodList
	if err := berth.Client.List(t.Context(), &pods, client.InNamespace(organization), client.MatchingLabels{berthv1alpha1.LabelApp: app}); err != nil {
		t.Fatal(err)
	}
	seen := []string{fmt.Sprint("Deployment ", deployment.UID, " generation ", deployment.Generation)}
	for _, p := range pods.Items {
		seen = append(seen, fmt.Sprint("Pod ", p.UID, " ", p.Status.Phase, " restarts ", p.Status.ContainerStatuses[0].RestartCount))
	}
	var domain berthv1alpha1.Domain
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: app}, &domain); err != nil {
		t.Fatal(err)
	}
	seen = append(seen, fmt.Sprint("Domain ", domain.UID, " generation ", domain.Generation))
	slices.Sort(seen)
	return seen
}

func mustBeTheSame(t *testing.T, what string, before, after []string) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the %s touched the App, -before +after:\n%s", what, diff)
	}
}

// mustList shows an App over REST and fails the test if it is missing.
func mustList(t *testing.T, app string) {
	t.Helper()
	key, err := berth.Berthctl(t.Context(), "apikey", "create", "--org", organization, "--owner", "tests@example.test", "--max-keys-per-owner=0")
	if err != nil {
		t.Fatal(err)
	}
	address := berth.Settings().FacadeURL + "/api/containers/" + organization + "/apps/" + app + "/"
	witness.Eventually(t, time.Minute, "the facade shows "+app, func() (bool, string) {
		status, err := get(t.Context(), address, key)
		if err != nil {
			return false, err.Error()
		}
		return status == http.StatusOK, http.StatusText(status)
	})
}

// isCurrent tells whether the definition of App is the current one, by the column that the previous chart's lacks.
func isCurrent(t *testing.T) bool {
	t.Helper()
	definition := &unstructured.Unstructured{}
	definition.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Name: "apps.berth.dev"}, definition); err != nil {
		t.Fatal(err)
	}
	text, err := definition.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), `"name":"Age"`)
}

func sessionKey(t *testing.T, namespace string) string {
	t.Helper()
	key := secret(t, namespace, "berth-session")["key"]
	if len(key) != 32 {
		t.Errorf("the session key has %d bytes", len(key))
	}
	return string(key)
}

// secret is what a Secret holds.
func secret(t *testing.T, namespace, name string) map[string][]byte {
	t.Helper()
	var s corev1.Secret
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &s); err != nil {
		t.Fatal(err)
	}
	return s.Data
}

// mustHaveNoBerth fails the test if Berth's own Pods are still there, or its definitions and so many Apps are not.
func mustHaveNoBerth(t *testing.T, namespace string, want int) {
	t.Helper()
	witness.Eventually(t, 2*time.Minute, "Berth has no Pods", func() (bool, string) {
		var pods corev1.PodList
		if err := berth.Client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		return len(pods.Items) == 0, fmt.Sprint(len(pods.Items), " Pods")
	})
	var apps berthv1alpha1.AppList
	if err := berth.Client.List(t.Context(), &apps, client.InNamespace(organization)); err != nil {
		t.Fatal(err)
	}
	if len(apps.Items) != want {
		t.Errorf("%d Apps are left of %d", len(apps.Items), want)
	}
}
