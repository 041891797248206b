package facade

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const git = client.FieldOwner("kustomize-controller")

// fromGit makes an App as Flux applies one from Git, and waits for the server to know it.
func fromGit(t *testing.T, key, organization, slug string) {
	t.Helper()
	app := ac.App(slug, organization).WithSpec(ac.AppSpec().WithImage("example.com/git:v1").WithDataset(v1alpha1.DatasetProduction).
		WithRegistry(ac.RegistryAccess().WithRoleARN("arn:aws:iam::01:git")).
		WithEnv(
			ac.EnvVar().WithName("LITERAL").WithValue("by git"),
			ac.EnvVar().WithName("REFERENCE").WithValueFrom(ac.EnvVarSource().WithConfigMapKeyRef(ac.KeyRef().WithName("settings").WithKey("a"))),
		))
	if err := suite.cluster.Apply(t.Context(), app, git); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the App", func() bool {
		return call(t, key, http.MethodGet, appPath(organization, slug), nil).status == http.StatusOK
	})
}

func variable(name, value string) map[string]any { return map[string]any{"name": name, "value": value} }

// TestFieldsOfGit says that what Git has set is not fought over: a change of it is refused with its owner's name, and writes nothing.
func TestFieldsOfGit(t *testing.T) {
	org, key := organization(t)
	slug := "git-" + strings.TrimPrefix(org, "org-")
	fromGit(t, key, org, slug)
	before := world(t, org)
	literal, reference := variable("LITERAL", "by git"), variable("REFERENCE", "")
	cases := map[string]struct {
		body map[string]any
		want string
	}{
		"Location": {body: map[string]any{"location": "example.com/rest:v2"}, want: "spec.image is set by kustomize-controller; change it there."},
		"Dataset":  {body: map[string]any{"dataset": "testing"}, want: "spec.dataset is set by kustomize-controller; change it there."},
		"Role":     {body: map[string]any{"role_name": "arn:aws:iam::01:rest"}, want: "spec.registry is set by kustomize-controller; change it there."},
		"NoRole":   {body: map[string]any{"role_name": nil}, want: "spec.registry is set by kustomize-controller; change it there."},
		"EnvValue": {
			body: map[string]any{"env": []any{variable("LITERAL", "by rest"), reference}},
			want: `spec.env[name="LITERAL"] is set by kustomize-controller; change it there.`,
		},
		"EnvValueOf": {
			body: map[string]any{"env": []any{literal, variable("REFERENCE", "by rest")}},
			want: `spec.env[name="REFERENCE"] is set by kustomize-controller; change it there.`,
		},
		"EnvRemoval": {body: map[string]any{"env": []any{literal}}, want: `spec.env[name="REFERENCE"] is set by kustomize-controller; change it there.`},
		"WithItsOwn": {
			body: map[string]any{"domain": slug + ".example.org", "dataset": "testing"},
			want: "spec.dataset is set by kustomize-controller; change it there.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, http.MethodPut, appPath(org, slug), tc.body).want(t, http.StatusConflict).json(t)
			if diff := cmp.Diff(map[string]any{"detail": tc.want}, got); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
}

// TestBesideGit says that a REST client may add to what Git has set, own it alone, and take it back.
func TestBesideGit(t *testing.T) {
	org, key := organization(t)
	slug := "beside-" + strings.TrimPrefix(org, "org-")
	fromGit(t, key, org, slug)
	literal, reference := variable("LITERAL", "by git"), variable("REFERENCE", "")
	env := []any{literal, reference, variable("ADDED", "by rest")}

	body := map[string]any{"location": "https://example.com/git:v1", "dataset": "production", "env": env}
	got := call(t, key, http.MethodPut, appPath(org, slug), body).want(t, http.StatusOK).json(t)
	if diff := cmp.Diff(body, map[string]any{"location": got["location"], "dataset": got["dataset"], "env": got["env"]}); diff != "" {
		t.Fatalf("-want, +got:\n%s", diff)
	}
	owned, err := ac.ExtractApp(appOf(t, org, slug), v1alpha1.FieldOwnerFacade)
	if err != nil {
		t.Fatal(err)
	}
	if owned.Spec.Image != nil || owned.Spec.Dataset != nil || len(owned.Spec.Env) != 1 {
		t.Errorf("the facade owns what Git has set: %+v", owned.Spec)
	}

	// Git goes on as if nobody else were there.
	image := ac.App(slug, org).WithSpec(ac.AppSpec().WithImage("example.com/git:v2").WithEnv(ac.EnvVar().WithName("LITERAL").WithValue("by git")))
	if err := suite.cluster.Apply(t.Context(), image, git); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows Git's change", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).json(t)["location"] == "https://example.com/git:v2"
	})
	got = call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": []any{literal}}).want(t, http.StatusOK).json(t)
	if diff := cmp.Diff([]any{literal}, got["env"]); diff != "" {
		t.Errorf("env after the addition is taken back: -want, +got:\n%s", diff)
	}
}

// TestRestartBesideOthers says that a restart by kubectl doesn't keep REST clients from restarting, while one that is declared does.
func TestRestartBesideOthers(t *testing.T) {
	org, key := organization(t)
	slug := "beside-" + strings.TrimPrefix(org, "org-")
	fromGit(t, key, org, slug)
	restartedAt := func() string { return appOf(t, org, slug).Annotations[v1alpha1.AnnotationRestartedAt] }
	set := func(value string) {
		app := appOf(t, org, slug)
		patch := client.MergeFrom(app.DeepCopy())
		metav1.SetMetaDataAnnotation(&app.ObjectMeta, v1alpha1.AnnotationRestartedAt, value)
		if err := suite.cluster.Patch(t.Context(), app, patch, client.FieldOwner("kubectl-annotate")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		set("by kubectl")
		eventually(t, "the restart is taken over", func() bool {
			call(t, key, http.MethodPost, appPath(org, slug), nil).want(t, http.StatusCreated)
			return restartedAt() != "by kubectl"
		})
	}
	declared := ac.App(slug, org).WithAnnotations(map[string]string{v1alpha1.AnnotationRestartedAt: "by git"})
	if err := suite.cluster.Apply(t.Context(), declared, client.FieldOwner("argocd"), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a declared restart is refused", func() bool {
		return call(t, key, http.MethodPost, appPath(org, slug), nil).status == http.StatusConflict
	})
}

// TestLostSecret says that values whose Secret somebody deleted read as empty and can be written again.
func TestLostSecret(t *testing.T) {
	org, key := organization(t)
	slug := "lost-" + strings.TrimPrefix(org, "org-")
	env := []any{variable("A", "1")}
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a", "env": env}).want(t, http.StatusCreated)
	secrets := &corev1.SecretList{}
	if err := suite.cluster.List(t.Context(), secrets, client.InNamespace(org)); err != nil {
		t.Fatal(err)
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if secret.Labels[v1alpha1.LabelApp] != slug || secret.Immutable == nil || !*secret.Immutable {
			t.Errorf("the Secret isn't immutable or doesn't name its App: %v", secret.ObjectMeta)
		}
		if err := suite.cluster.Delete(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	read := func() any { return call(t, key, http.MethodGet, appPath(org, slug), nil).json(t)["env"] }
	eventually(t, "the value is gone", func() bool { return cmp.Equal([]any{variable("A", "")}, read()) })
	call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": env}).want(t, http.StatusOK)
	if diff := cmp.Diff(env, read()); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
