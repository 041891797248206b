package facade

import (
	"maps"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestLifeOfAnApp(t *testing.T) {
	org, key := organization(t)
	created := map[string]any{
		"slug":       "life-of-an-app",
		"dataset":    "testing",
		"location":   "https://01.dk.ecr.us-west-2.amazon.com/cowork:master",
		"role_name":  "arn:aws:iam::01:cowork-deploy",
		"env":        []any{map[string]any{"name": "ZULU", "value": "last"}, map[string]any{"name": "DEBUG", "value": "0"}},
		"domain":     "life.example.org",
		"from_email": "support@life.example.org",
	}
	want := map[string]any{"external_id": "external-id-of-the-organization"}
	maps.Copy(want, created)
	path := appPath(org, "life-of-an-app")
	check := func(step string, got answer, status int) {
		t.Helper()
		if diff := cmp.Diff(want, got.want(t, status).json(t)); diff != "" {
			t.Fatalf("%s: -want, +got:\n%s", step, diff)
		}
	}

	check("POST of a new app", call(t, key, http.MethodPost, appsPath(org), created), http.StatusCreated)
	check("GET reads what was written", call(t, key, http.MethodGet, path, nil), http.StatusOK)
	app := appOf(t, org, "life-of-an-app")
	check("PUT of the same", call(t, key, http.MethodPut, path, created), http.StatusOK)
	if after := appOf(t, org, "life-of-an-app"); after.ResourceVersion != app.ResourceVersion {
		t.Fatalf("PUT of the same wrote: %s", cmp.Diff(app, after))
	}

	for _, slug := range []any{"another-app", "Life-Of-An-App", 7} {
		refused := call(t, key, http.MethodPut, path, map[string]any{"slug": slug, "dataset": "production"}).want(t, http.StatusBadRequest).json(t)
		if refused["slug"] == nil {
			t.Errorf("PUT with the slug %v: got %v, want a 400 about slug", slug, refused)
		}
	}
	for _, slug := range []any{"", nil, " life-of-an-app "} {
		check("PUT that names no other app", call(t, key, http.MethodPut, path, map[string]any{"slug": slug}), http.StatusOK)
	}

	want["env"] = []any{
		map[string]any{"name": "DEBUG", "value": "1"},
		map[string]any{"name": "ZULU", "value": "last"},
		map[string]any{"name": "ALPHA", "value": ""},
	}
	check("PUT of another env", call(t, key, http.MethodPut, path, map[string]any{"env": want["env"]}), http.StatusOK)
	want["location"] = "registry.example.com/cowork:v2"
	check("PUT of another location", call(t, key, http.MethodPut, path, map[string]any{"location": want["location"]}), http.StatusOK)
	if after := appOf(t, org, "life-of-an-app"); after.Annotations[v1alpha1.AnnotationRestartedAt] != "" {
		t.Fatal("PUT restarted by the annotation though the change does so by itself")
	}
	check("POST without a body", call(t, key, http.MethodPost, path, nil), http.StatusCreated)
	if after := appOf(t, org, "life-of-an-app"); after.Annotations[v1alpha1.AnnotationRestartedAt] == "" {
		t.Fatal("POST without a body restarted nothing")
	}

	call(t, key, http.MethodDelete, path, nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodGet, path, nil).want(t, http.StatusNotFound)
	call(t, key, http.MethodPost, appsPath(org), want).want(t, http.StatusCreated)
	check("GET of an app made anew at once", call(t, key, http.MethodGet, path, nil), http.StatusOK)
	call(t, key, http.MethodDelete, path, nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodDelete, path, nil).want(t, http.StatusNotFound)
}

// appOf reads an App from the cluster.
func appOf(t *testing.T, organization, name string) *v1alpha1.App {
	t.Helper()
	app := &v1alpha1.App{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: organization, Name: name}, app); err != nil {
		t.Fatal(err)
	}
	return app
}
