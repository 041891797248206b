package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// door is one of the ways in which a user says what an App shall be.
type door interface {
	// apply makes the App, or changes it to this; with nothing changed it shall do nothing.
	apply(t *testing.T, slug, location, greeting string)
	restart(t *testing.T, slug string)
	remove(t *testing.T, slug string)
	logs(t *testing.T, slug string) string
}

// restDoor is the REST API.
type restDoor struct {
	*restClient
	created bool
}

func (d *restDoor) apply(t *testing.T, slug, location, greeting string) {
	t.Helper()
	want := app{Slug: slug, Location: location, Env: []env{{Name: "GREETING", Value: greeting}, {Name: "DEBUG", Value: "0"}}, Dataset: "testing"}
	method, path, status := http.MethodPut, slug+"/", http.StatusOK
	if !d.created {
		method, path, status = http.MethodPost, "", http.StatusCreated
		d.created = true
	}
	var got app
	d.call(t, method, path, map[string]any{"slug": want.Slug, "location": want.Location, "env": want.Env, "dataset": want.Dataset}, status, &got)
	if got.Slug != want.Slug || got.Location != want.Location || len(got.Env) != 2 || got.Env[0] != want.Env[0] || got.Dataset != want.Dataset {
		t.Fatalf("the answer is %+v, want %+v", got, want)
	}
}

func (d *restDoor) restart(t *testing.T, slug string) {
	t.Helper()
	d.call(t, http.MethodPost, slug+"/", nil, http.StatusCreated, nil)
}

func (d *restDoor) remove(t *testing.T, slug string) {
	t.Helper()
	d.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
	d.call(t, http.MethodGet, slug+"/", nil, http.StatusNotFound, nil)
}

// kubectlDoor is kubectl apply.
type kubectlDoor struct {
	namespace string
}

func (d *kubectlDoor) apply(t *testing.T, slug, location, greeting string) {
	t.Helper()
	kubectl(t, fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: App
metadata:
  name: %s
  namespace: %s
spec:
  image: %s
  dataset: testing
  env:
  - name: GREETING
    value: %q
  - name: DEBUG
    value: "0"
`, slug, d.namespace, location, greeting), "apply", "-f", "-")
}

func (d *kubectlDoor) restart(t *testing.T, slug string) {
	t.Helper()
	kubectl(t, "", "annotate", "app", slug, "-n", d.namespace, "--overwrite", "berth.dev/restartedAt="+time.Now().Format(time.RFC3339Nano))
}

func (d *kubectlDoor) remove(t *testing.T, slug string) {
	t.Helper()
	kubectl(t, "", "delete", "app", slug, "-n", d.namespace)
}

func (d *kubectlDoor) logs(t *testing.T, slug string) string {
	t.Helper()
	return strings.TrimSpace(kubectl(t, "", "logs", "-n", d.namespace, "-l", "berth.dev/app="+slug))
}
