package facade

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// TestPortOfEnv says that the port which a client's environment names becomes the App's, and goes with it.
func TestPortOfEnv(t *testing.T) {
	org, key := organization(t)
	slug := "port-" + strings.TrimPrefix(org, "org-")
	create := map[string]any{"slug": slug, "location": "example.com/a"}
	refused := map[string]any{
		"detail": "env: PORT must be a number from 1 to 65535.", "env": []any{"PORT must be a number from 1 to 65535."},
	}
	for _, value := range []any{"abc", "0", "65536", "-1", " 80", "80/tcp", "3000.0", "０"} {
		body := with(create, map[string]any{"env": []any{map[string]any{"name": "PORT", "value": value}}})
		got := call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusBadRequest).json(t)
		if diff := cmp.Diff(refused, got); diff != "" {
			t.Errorf("POST with PORT=%v (-want +got):\n%s", value, diff)
		}
	}
	call(t, key, http.MethodPost, appsPath(org), create).want(t, http.StatusCreated)
	steps := []struct {
		env  []any
		want int32
	}{
		{env: []any{variable("PORT", "3000")}, want: 3000},
		{env: []any{variable("PORT", "3000")}, want: 3000},
		{env: []any{variable("A", "1"), map[string]any{"name": "PORT", "value": 8080}}, want: 8080},
		{env: []any{variable("PORT", "")}},
		{env: []any{variable("PORT", "65535")}, want: 65535},
		{env: []any{variable("port", "1")}},
	}
	for i, step := range steps {
		before := appOf(t, org, slug)
		call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": step.env}).want(t, http.StatusOK)
		after := appOf(t, org, slug)
		if after.Spec.Port != step.want {
			t.Errorf("step %d: port %d, want %d", i, after.Spec.Port, step.want)
		}
		if i > 0 && cmp.Equal(steps[i-1].env, step.env) && after.ResourceVersion != before.ResourceVersion {
			t.Errorf("step %d: what changes nothing is written", i)
		}
	}
	before := appOf(t, org, slug)
	call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": []any{variable("PORT", "abc")}}).want(t, http.StatusBadRequest)
	if after := appOf(t, org, slug); after.ResourceVersion != before.ResourceVersion {
		t.Error("what is refused is written")
	}
}

// TestPortOfGit says that a port which Git has set stays, that a client which would have the program listen elsewhere is told, and that one which
// takes the port over is not fought.
func TestPortOfGit(t *testing.T) {
	org, key := organization(t)
	slug := "port-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	apply := func(port int32) {
		t.Helper()
		config := ac.App(slug, org).WithSpec(ac.AppSpec().WithPort(port))
		if err := suite.cluster.Apply(t.Context(), config, git); err != nil {
			t.Fatal(err)
		}
	}
	put := func(status int, env ...any) answer {
		t.Helper()
		return call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"env": env}).want(t, status)
	}
	portIs := func(want int32) *v1alpha1.App {
		t.Helper()
		app := appOf(t, org, slug)
		if app.Spec.Port != want {
			t.Errorf("port %d, want %d", app.Spec.Port, want)
		}
		return app
	}
	apply(8080)
	put(http.StatusOK, variable("PORT", "8080"))
	before := portIs(8080)
	want := map[string]any{"detail": "spec.port is set by kustomize-controller; change it there."}
	if diff := cmp.Diff(want, put(http.StatusConflict, variable("PORT", "9000")).json(t)); diff != "" {
		t.Errorf("PUT of another port (-want +got):\n%s", diff)
	}
	if after := portIs(8080); after.ResourceVersion != before.ResourceVersion {
		t.Error("what is refused is written")
	}
	put(http.StatusOK)
	portIs(8080)
	apply(9000)
	put(http.StatusOK, variable("PORT", "9000"))
	apply(7000)
	after := portIs(7000)
	put(http.StatusOK, variable("PORT", "9000"))
	if now := portIs(7000); now.ResourceVersion != after.ResourceVersion {
		t.Error("what changes nothing is written")
	}
}
