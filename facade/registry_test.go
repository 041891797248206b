package facade

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// loginOf reads the login that an App names for its registry: the user name and the password.
func loginOf(t *testing.T, organization, slug string) (user, password string) {
	t.Helper()
	access := appOf(t, organization, slug).Spec.Registry
	if access == nil || access.CredentialsSecretRef == nil {
		return "", ""
	}
	secret := &corev1.Secret{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: access.CredentialsSecretRef.Name}, secret); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretRegistry, v1alpha1.LabelApp: slug}
	if !maps.Equal(want, secret.Labels) || secret.Immutable == nil || !*secret.Immutable {
		t.Errorf("the Secret isn't immutable or isn't the App's: %v", secret.ObjectMeta)
	}
	return string(secret.Data[corev1.BasicAuthUsernameKey]), string(secret.Data[corev1.BasicAuthPasswordKey])
}

// TestLifeOfALogin goes through what the login for a registry can become. What each step answers is read afterwards, sent back as it was read
// changes nothing, and no password is ever told.
func TestLifeOfALogin(t *testing.T) {
	org, key, slug := newSite(t, "login")
	const arn = "arn:aws:iam::123456789012:role/pull"
	first, second, third := rand.Text(), rand.Text(), rand.Text()
	steps := []struct {
		name string
		body map[string]any
		// user and password are what the App pulls with afterwards, and shown is its role_name.
		user, password, shown string
		restarts              bool
		// writes are how many requests the step makes.
		writes int
	}{
		{name: "Login", body: map[string]any{"role_name": "ann", "external_id": first}, user: "ann", password: first, shown: "ann", restarts: true, writes: 2},
		{name: "SameUser", body: map[string]any{"role_name": "ann"}, user: "ann", password: first, shown: "ann"},
		{name: "Token", body: map[string]any{"external_id": second}, user: "ann", password: second, shown: "ann", writes: 2},
		{
			name: "OtherUser", body: map[string]any{"role_name": "robot$pull", "external_id": " " + third + "\n"},
			user: "robot$pull", password: " " + third, shown: "robot$pull", restarts: true, writes: 2,
		},
		{name: "Role", body: map[string]any{"role_name": arn}, shown: arn, restarts: true, writes: 1},
		{name: "UserAgain", body: map[string]any{"role_name": "ann", "external_id": first}, user: "ann", password: first, shown: "ann", restarts: true, writes: 2},
		{
			name: "OtherRegistry", body: map[string]any{"location": "example.org/a", "external_id": second},
			user: "ann", password: second, shown: "ann", writes: 2,
		},
		{name: "Nobody", body: map[string]any{"role_name": nil}, restarts: true, writes: 1},
	}
	for _, step := range steps {
		before := appOf(t, org, slug).Annotations[v1alpha1.AnnotationRestartedAt]
		var got answer
		writes := suite.requests.writes(org, func() { got = call(t, key, http.MethodPut, appPath(org, slug), step.body).want(t, http.StatusOK) })
		if len(writes) != step.writes {
			t.Errorf("%s: it wrote %v, want %d requests", step.name, writes, step.writes)
		}
		if restarted := appOf(t, org, slug).Annotations[v1alpha1.AnnotationRestartedAt] != before; restarted != step.restarts {
			t.Errorf("%s: restarted %t, want %t", step.name, restarted, step.restarts)
		}
		if user, password := loginOf(t, org, slug); user != step.user || password != step.password {
			t.Errorf("%s: the App doesn't pull as %q, or with another password than the one given", step.name, step.user)
		}
		read := call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK)
		if diff := cmp.Diff(got.json(t), read.json(t)); diff != "" {
			t.Errorf("%s: -PUT, +GET:\n%s", step.name, diff)
		}
		if shown := read.json(t); shown["role_name"] != step.shown || shown["external_id"] != "external-id-of-the-organization" {
			t.Errorf("%s: it shows %v with %v", step.name, shown["role_name"], shown["external_id"])
		}
		again := suite.requests.writes(org, func() { call(t, key, http.MethodPut, appPath(org, slug), read.json(t)).want(t, http.StatusOK) })
		if diff := cmp.Diff([]string(nil), again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: what was read and sent back: -want, +got:\n%s", step.name, diff)
		}
		list := call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
		for _, secret := range []string{first, second, third} {
			if strings.Contains(string(got.body)+string(read.body)+string(list.body), secret) {
				t.Errorf("%s: an answer has a password", step.name)
			}
		}
	}
	for _, secret := range []string{first, second, third} {
		if strings.Contains(suite.log.String(), secret) {
			t.Error("the log has a password")
		}
	}
}

// TestRefusedLogins says that what is refused writes nothing, tells no password, and that a token isn't sent to another registry.
func TestRefusedLogins(t *testing.T) {
	org, key, slug := newSite(t, "refused")
	marker := rand.Text()
	call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"role_name": "ann", "external_id": "t"}).want(t, http.StatusOK)
	before := world(t, org)
	for name, tc := range map[string]struct {
		body  map[string]any
		field string
	}{
		"NoToken":       {body: map[string]any{"role_name": "bob"}, field: "external_id"},
		"EmptyToken":    {body: map[string]any{"role_name": "bob", "external_id": ""}, field: "external_id"},
		"NoUser":        {body: map[string]any{"role_name": nil, "external_id": marker}, field: "role_name"},
		"TokenForRole":  {body: map[string]any{"role_name": "arn:aws:iam::01:pull", "external_id": marker}, field: "external_id"},
		"OtherRegistry": {body: map[string]any{"location": "evil.example/a"}, field: "external_id"},
		"WithOther":     {body: map[string]any{"role_name": "bob", "external_id": marker, "dataset": "none"}, field: "dataset"},
	} {
		for _, method := range []string{http.MethodPut, http.MethodPost} {
			got := call(t, key, method, appPath(org, slug), tc.body).want(t, http.StatusBadRequest)
			if got.json(t)[tc.field] == nil || len(got.json(t)) != 2 {
				t.Errorf("%s: the error doesn't name %s alone: %s", name, tc.field, got.body)
			}
			if strings.Contains(string(got.body), marker) {
				t.Errorf("%s: the error tells the password", name)
			}
		}
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
	if strings.Contains(suite.log.String(), marker) {
		t.Error("the log has a password")
	}
}

// TestLoginOfGit says that the user name of a Secret that Git names is shown, and that neither can be changed here.
func TestLoginOfGit(t *testing.T) {
	org, key := organization(t)
	slug, password := "gitlogin-"+strings.TrimPrefix(org, "org-"), rand.Text()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "quay", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretRegistry}},
		Type:       corev1.SecretTypeBasicAuth, StringData: map[string]string{"username": "robot", "password": password},
	}
	if err := suite.cluster.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	access := ac.RegistryAccess().WithCredentialsSecretRef(ac.SecretRef().WithName("quay"))
	app := ac.App(slug, org).WithSpec(ac.AppSpec().WithImage("example.com/git:v1").WithRegistry(access))
	if err := suite.cluster.Apply(t.Context(), app, git); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the App and its Secret", func() bool {
		got := call(t, key, http.MethodGet, appPath(org, slug), nil)
		return got.status == http.StatusOK && got.json(t)["role_name"] == "robot"
	})
	before := world(t, org)
	read := call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK)
	call(t, key, http.MethodPut, appPath(org, slug), read.json(t)).want(t, http.StatusOK)
	want := map[string]any{"detail": "spec.registry is set by kustomize-controller; change it there."}
	for name, body := range map[string]map[string]any{
		"Token": {"external_id": "t"}, "User": {"role_name": "bob", "external_id": "t"}, "None": {"role_name": ""}, "Role": {"role_name": "arn:aws:iam::01:pull"},
	} {
		if diff := cmp.Diff(want, call(t, key, http.MethodPut, appPath(org, slug), body).want(t, http.StatusConflict).json(t)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
	if strings.Contains(string(read.body), password) {
		t.Error("an answer has the password")
	}
}
