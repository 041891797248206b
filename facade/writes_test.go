package facade

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestRequests counts what calls cost the API server.
func TestRequests(t *testing.T) {
	org, key := organization(t)
	slug := "cost-" + strings.TrimPrefix(org, "org-")
	body := map[string]any{
		"slug": slug, "location": "https://example.com/a", "role_name": "arn:aws:iam::01:pull", "dataset": "testing",
		"env": []any{map[string]any{"name": "A", "value": "1"}}, "domain": slug + ".example.org",
	}
	all := "/apis/berth.dev/v1alpha1/namespaces/" + org + "/"
	apps, secrets := all+"apps/"+slug, "/api/v1/namespaces/"+org+"/secrets"
	domain := all + "domains/" + slug
	const values = "GET the Secret with the values" // Once: it is never changed.
	otherSender, login := map[string]any{"from_email": "a@b"}, map[string]any{"authentication": 1}
	steps := []struct {
		name, method, path string
		body               any
		want               []string
	}{
		{name: "Create", method: http.MethodPost, path: appsPath(org), body: body, want: []string{"POST " + secrets, "PATCH " + apps, "PATCH " + domain}},
		{name: "Get", method: http.MethodGet, path: appPath(org, slug), want: []string{values}},
		{name: "List", method: http.MethodGet, path: appsPath(org)},
		{name: "PutOfTheSame", method: http.MethodPut, path: appPath(org, slug), body: body, want: []string{"GET " + apps, "GET " + domain}},
		{
			name: "PutOfLocation", method: http.MethodPut, path: appPath(org, slug), body: map[string]any{"location": "example.com/b"},
			want: []string{"PATCH " + apps},
		},
		{name: "PutOfDomain", method: http.MethodPut, path: appPath(org, slug), body: otherSender, want: []string{"GET " + apps, "PATCH " + domain}},
		{
			name: "PutOfAllButDomain", method: http.MethodPut, path: appPath(org, slug), body: map[string]any{"location": "example.com/b"},
			want: []string{"GET " + apps},
		},
		{
			name: "PutOfDomainBeside", method: http.MethodPut, path: appPath(org, slug),
			body: map[string]any{"location": "example.com/b", "from_email": "c@d"},
			want: []string{"GET " + apps, "PATCH " + domain},
		},
		{
			name: "PutOfLocationBeside", method: http.MethodPut, path: appPath(org, slug),
			body: map[string]any{"location": "example.com/c", "from_email": "c@d"},
			want: []string{"GET " + domain, "PATCH " + apps},
		},
		{name: "PutOfLogin", method: http.MethodPut, path: domainPath(org, slug), body: login, want: []string{"GET " + apps, "PATCH " + domain}},
		{name: "PutOfSameLogin", method: http.MethodPut, path: domainPath(org, slug), body: login, want: []string{"GET " + apps, "GET " + domain}},
		{name: "Restart", method: http.MethodPost, path: appPath(org, slug), want: []string{"PATCH " + apps}},
		{name: "Taken", method: http.MethodPost, path: appsPath(org), body: body, want: []string{"GET " + apps}},
		{name: "PutOfNone", method: http.MethodPut, path: appPath(org, "no-"+slug), body: body, want: []string{"GET " + all + "apps/no-" + slug}},
		{name: "PutOfNoName", method: http.MethodPut, path: appPath(org, "No.."), body: body},
		{name: "Delete", method: http.MethodDelete, path: appPath(org, slug), want: []string{"DELETE " + apps, "DELETE " + domain}},
	}
	for _, step := range steps {
		got := suite.requests.during(org, func() { call(t, key, step.method, step.path, step.body) })
		for i := range got {
			if strings.HasPrefix(got[i], "GET "+secrets+"/"+slug+"-env-") {
				got[i] = values
			}
		}
		if diff := cmp.Diff(step.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", step.name, diff)
		}
	}
}

// TestRestarts says which changes make the App's Pods be replaced by the annotation.
func TestRestarts(t *testing.T) {
	org, key := organization(t)
	slug := "restarts-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	steps := []struct {
		name, method string
		body         any
		want         bool
	}{
		{name: "Dataset", method: http.MethodPut, body: map[string]any{"dataset": "testing"}},
		{name: "Role", method: http.MethodPut, body: map[string]any{"role_name": "arn:aws:iam::01:pull"}, want: true},
		{name: "SameRole", method: http.MethodPut, body: map[string]any{"role_name": "arn:aws:iam::01:pull"}},
		{name: "NoRole", method: http.MethodPut, body: map[string]any{"role_name": nil}, want: true},
		{name: "PostOfNothing", method: http.MethodPost, want: true},
		{name: "PostOfTheSame", method: http.MethodPost, body: map[string]any{"location": "example.com/a"}, want: true},
	}
	for _, step := range steps {
		before := appOf(t, org, slug).Annotations[v1alpha1.AnnotationRestartedAt]
		if got := call(t, key, step.method, appPath(org, slug), step.body); got.status >= http.StatusBadRequest {
			t.Fatalf("%s: got %d %s", step.name, got.status, got.body)
		}
		if got := appOf(t, org, slug).Annotations[v1alpha1.AnnotationRestartedAt] != before; got != step.want {
			t.Errorf("%s: restarted %t, want %t", step.name, got, step.want)
		}
	}
}

// TestConcurrentCreates says that of many who want a slug one gets it, and that the others leave nothing behind.
func TestConcurrentCreates(t *testing.T) {
	org, key := organization(t)
	slug := "race-" + strings.TrimPrefix(org, "org-")
	statuses := make([]int, 8)
	var running sync.WaitGroup
	for i := range statuses {
		running.Go(func() {
			statuses[i] = call(t, key, http.MethodPost, appsPath(org), map[string]any{
				"slug": slug, "location": fmt.Sprintf("example.com/a:%d", i), "env": []any{map[string]any{"name": "A", "value": "1"}},
			}).status
		})
	}
	running.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusCreated: 1, http.StatusBadRequest: 7}, counts); diff != "" {
		t.Errorf("statuses: -want, +got:\n%s", diff)
	}
	if got := len(world(t, org)); got != 2 {
		t.Errorf("got %d objects, want an App and a Secret: %v", got, world(t, org))
	}
}

// TestConcurrentChanges says that no client undoes what another changed at the same time, and that somebody else's changes come in between
// without harm.
func TestConcurrentChanges(t *testing.T) {
	org, key := organization(t)
	slug := "both-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a:0"}).want(t, http.StatusCreated)
	bodies := []map[string]any{
		{"location": "example.com/a:1"},
		{"dataset": "testing"},
		{"role_name": "arn:aws:iam::01:pull"},
		{"env": []any{variable("A", "1")}},
		{"domain": slug + ".example.org"},
		{"from_email": "a@b"},
	}
	var running sync.WaitGroup
	for _, body := range bodies {
		running.Go(func() {
			if got := call(t, key, http.MethodPut, appPath(org, slug), body); got.status != http.StatusOK {
				t.Errorf("PUT of %v: got %d %s", body, got.status, got.body)
			}
		})
	}
	running.Go(func() {
		for i := range 20 {
			app := appOf(t, org, slug)
			patch := client.MergeFrom(app.DeepCopy())
			metav1.SetMetaDataAnnotation(&app.ObjectMeta, "example.com/count", fmt.Sprint(i))
			if err := suite.cluster.Patch(t.Context(), app, patch); err != nil {
				t.Error(err)
			}
		}
	})
	running.Wait()
	got := call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK).json(t)
	for _, body := range bodies {
		for name, value := range body {
			if diff := cmp.Diff(value, got[name]); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", name, diff)
			}
		}
	}
}

func TestTakenSlug(t *testing.T) {
	org, key := organization(t)
	other, otherKey := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": "taken-" + suffix, "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	// The default host is that of an Ingress which is not Berth's.
	newClaim(t, "claimed-"+suffix+"."+baseDomain, v1alpha1.HostClaimSpec{
		Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderIngress, Namespace: "default", Name: "web"},
	}, false)

	want := map[string]any{"detail": "slug: This slug is taken.", "slug": []any{"This slug is taken."}}
	for name, body := range map[string]map[string]any{
		"ByAnApp":  {"slug": "taken-" + suffix, "location": "example.com/b"},
		"ByAClaim": {"slug": "claimed-" + suffix, "location": "example.com/b"},
	} {
		for organization, token := range map[string]string{org: key, other: otherKey} {
			if diff := cmp.Diff(want, call(t, token, http.MethodPost, appsPath(organization), body).want(t, http.StatusBadRequest).json(t)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", name, diff)
			}
		}
	}
	if got := world(t, other); len(got) > 0 {
		t.Errorf("it wrote: %v", got)
	}
}

// TestBeingDeleted says that an App that waits for a finalizer is gone for clients, and that its slug isn't free.
func TestBeingDeleted(t *testing.T) {
	org, key := organization(t)
	slug := "leaving-" + strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": slug, "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	app := appOf(t, org, slug)
	app.Finalizers = []string{"example.com/wait"}
	if err := suite.cluster.Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusNotFound)
	call(t, key, http.MethodPut, appPath(org, slug), nil).want(t, http.StatusNotFound)
	if got := call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK).json(t)["count"]; got != 0.0 {
		t.Errorf("count: got %v, want 0", got)
	}
	if got := call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusBadRequest).json(t); got["slug"] == nil {
		t.Errorf("the error doesn't name the slug: %v", got)
	}
	app = appOf(t, org, slug)
	app.Finalizers = nil
	if err := suite.cluster.Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slug is free", func() bool {
		return call(t, key, http.MethodPost, appsPath(org), body).status == http.StatusCreated
	})
}
