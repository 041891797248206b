package facade

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// TestReplicaShowsCurrentValues says that a server shows no value as empty because another one has replaced its Secret a moment ago: a client that sent
// back what it read would lose it.
func TestReplicaShowsCurrentValues(t *testing.T) {
	r := newReplicas(t)
	env := func(value string) map[string]any {
		return map[string]any{"env": []any{map[string]any{"name": "A", "value": value}, map[string]any{"name": "B", "value": "kept"}}}
	}
	cases := map[string]func(t *testing.T, key, org, app string) any{
		"Get": func(t *testing.T, key, _, app string) any {
			t.Helper()
			return call(t, key, http.MethodGet, app, nil).want(t, http.StatusOK).json(t)["env"]
		},
		"List": func(t *testing.T, key, org, _ string) any {
			t.Helper()
			results, _ := call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK).json(t)["results"].([]any)
			if len(results) != 1 {
				t.Fatalf("the list has %d apps", len(results))
			}
			app, _ := results[0].(map[string]any)
			return app["env"]
		},
		"Put": func(t *testing.T, key, _, app string) any {
			t.Helper()
			return call(t, key, http.MethodPut, app, map[string]any{"dataset": "production"}).want(t, http.StatusOK).json(t)["env"]
		},
	}
	for name, read := range cases {
		t.Run(name, func(t *testing.T) {
			org, key, app := r.site(t, nil)
			// The second server has seen this version, and no client has read values of it there.
			suite.url = r.first
			call(t, key, http.MethodPut, app, with(env("old"), map[string]any{"dataset": "testing"})).want(t, http.StatusOK)
			suite.url = r.second
			_, contributor := newKeyOf(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
			eventually(t, "the second server knows the app", func() bool {
				return call(t, contributor, http.MethodGet, app, nil).json(t)["dataset"] == "testing"
			})
			r.behind(t, org, func() { call(t, key, http.MethodPut, app, env("new")).want(t, http.StatusOK) }, func() {
				if diff := cmp.Diff(env("new")["env"], read(t, key, org, app)); diff != "" {
					t.Errorf("-want, +got:\n%s", diff)
				}
			})
		})
	}
}

// TestEnvironmentsThatAreNotThere says that an App which names Secrets as the facade names its own, but which aren't there, is shown and changed, and that
// it costs the API server no request for each of them.
func TestEnvironmentsThatAreNotThere(t *testing.T) {
	org, key := organization(t)
	slug := "absent-" + strings.TrimPrefix(org, "org-")
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: slug}, Spec: v1alpha1.AppSpec{Image: "example.com/a"}}
	for i := range 100 {
		ref := &v1alpha1.KeyRef{Name: fmt.Sprintf("%s-env-%010d", slug, i/2), Key: "K"}
		app.Spec.Env = append(app.Spec.Env, v1alpha1.EnvVar{Name: fmt.Sprint("V", i), ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}})
	}
	create(t, app)
	eventually(t, "the server knows the App", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).status == http.StatusOK
	})
	for name, ask := range map[string]func(){
		"Get":  func() { call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK) },
		"List": func() { call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK) },
		"Put": func() {
			call(t, key, http.MethodPut, appPath(org, slug)+"?force=true", map[string]any{"dataset": "testing"}).want(t, http.StatusOK)
		},
	} {
		if asked := suite.requests.during(org, ask); len(asked) > 12 {
			t.Errorf("%s costs %d requests: %q", name, len(asked), asked)
		}
	}
}
