package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// TestRESTBesideFlux changes by REST what Git says, and what it leaves open.
func TestRESTBesideFlux(t *testing.T) {
	t.Parallel()
	const org, slug, host = "beside-org", "beside-app", "www.beside.test"
	v1, v2 := push(t, "beside:v1", "-version=v1"), push(t, "beside:v2", "-version=v2")
	manager, git := organization(t, org), newGitOps(t, org)
	git.actAsManager(t, org)
	apps, domains := watchStatuses(t, "apps", org, slug), watchStatuses(t, "domains", org, "www")
	git.mustApply(t, git.push(t, map[string]string{
		"app.yaml":    appFile(org, slug, v1, "env: [{name: GREETING, value: From Git}]"),
		"domain.yaml": domainFile(org, "www", slug, host),
	}))
	apps.mustGo(t, "the App", status.InProgressStatus, status.CurrentStatus)
	domains.mustGo(t, "the Domain", status.InProgressStatus, status.CurrentStatus)

	before := versions(t, org, slug, "www")
	manager.mustLeaveToGit(t, "/containers/"+org+"/apps/"+slug+"/", "spec.image", map[string]any{"location": v2})
	manager.mustLeaveToGit(t, "/containers/"+org+"/apps/"+slug+"/", "GREETING", map[string]any{"env": []env{{Name: "GREETING", Value: "From REST"}}})
	manager.mustLeaveToGit(t, "/containers/"+org+"/apps/"+slug+"/", "GREETING", map[string]any{"env": []env{}})
	manager.mustLeaveToGit(t, "/domains/"+org+"/"+slug+"/", "spec.host", map[string]any{"domain": "www2.beside.test"})
	if diff := cmp.Diff(before, versions(t, org, slug, "www")); diff != "" {
		t.Errorf("what was refused has changed something, -before +after:\n%s", diff)
	}
	apps.mustGo(t, "the App that REST may not change")
	domains.mustGo(t, "the Domain that REST may not change")

	mustAddTo(t, manager, git, slug, apps, domains)

	// Git goes on saying what it says, and another rollout keeps what REST has set.
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": appFile(org, slug, v2, "env: [{name: GREETING, value: Still from Git}]")}))
	apps.mustGo(t, "the App with another image", status.InProgressStatus, status.CurrentStatus)
	waitForPage(t, host, "Still from Git from sample v2")
	var shown app
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &shown)
	has := func(name, value string) bool { return slices.Contains(shown.Env, env{Name: name, Value: value}) }
	if len(shown.Env) != 2 || !has("GREETING", "Still from Git") || !has("DEBUG", "1") || shown.Location != v2 {
		t.Errorf("after a change in Git the App is %+v", shown)
	}
	mustMakeAgain(t, manager, git, slug, apps, domains)
	waitForPage(t, host, "Still from Git from sample v2")
}

// mustAddTo sets by REST what Git leaves open, restarts the App, and says that Flux leaves all of that.
func mustAddTo(t *testing.T, manager *restClient, git *gitOps, slug string, apps, domains *statuses) {
	t.Helper()
	var shown app
	variables := []env{{Name: "GREETING", Value: "From Git"}, {Name: "DEBUG", Value: "1"}}
	manager.call(t, http.MethodPut, slug+"/", map[string]any{"env": variables, "dataset": "testing"}, http.StatusOK, &shown)
	manager.callDomains(t, http.MethodPut, slug+"/", map[string]any{"from_email": "shop@beside.test", "authentication": 2}, http.StatusOK, nil)
	apps.mustGo(t, "the App that REST has added to", status.InProgressStatus, status.CurrentStatus)
	domains.mustGo(t, "the Domain that REST has added to", status.InProgressStatus, status.CurrentStatus)
	pods := podUIDs(t, manager.organization, slug)
	manager.call(t, http.MethodPost, slug+"/", nil, http.StatusCreated, nil)
	mustBeReplaced(t, manager.organization, slug, pods)
	apps.mustGo(t, "the App that REST has restarted", status.InProgressStatus, status.CurrentStatus)

	mustSettle(t, git, manager.organization, slug)
	apps.mustGo(t, "the App that Flux has found as it is to be")
	domains.mustGo(t, "the Domain that Flux has found as it is to be")
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &shown)
	if !slices.Contains(shown.Env, variables[1]) || !slices.Contains(shown.Env, variables[0]) || shown.Dataset != "testing" {
		t.Errorf("after Flux has run again the App is %+v", shown)
	}
	var about domain
	manager.callDomains(t, http.MethodGet, slug+"/", nil, http.StatusOK, &about)
	if about.FromEmail != "shop@beside.test" || about.Domain != "www.beside.test" {
		t.Errorf("after Flux has run again the Domain is %+v", about)
	}
}

// mustMakeAgain deletes by REST an App that Git has, and has Flux make it again, as Git says it.
func mustMakeAgain(t *testing.T, manager *restClient, git *gitOps, slug string, apps, domains *statuses) {
	t.Helper()
	manager.call(t, http.MethodDelete, slug+"/", nil, http.StatusNoContent, nil)
	apps.mustGo(t, "the App that REST has deleted", status.NotFoundStatus)
	domains.mustGo(t, "the Domain whose App is gone", status.InProgressStatus, status.FailedStatus)
	// While objects of the App before are there, the next one has to wait for the garbage collector.
	eventually(t, time.Minute, "the App's objects are gone", func() (bool, string) {
		left := kubectl(t, "", "get", "deployment,service,ingress,certificate", slug, "-n", manager.organization, "--ignore-not-found", "-o", "name")
		return strings.TrimSpace(left) == "", left
	})
	git.run(t)
	apps.mustGo(t, "the App that Flux has made again", status.InProgressStatus, status.CurrentStatus)
	domains.mustGo(t, "the Domain whose App is there again", status.CurrentStatus)
	var shown app
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusOK, &shown)
	if want := []env{{"GREETING", "Still from Git"}}; !slices.Equal(shown.Env, want) {
		t.Errorf("made again by Flux, the App has the environment %v, want %v", shown.Env, want)
	}
}

// mustLeaveToGit expects that a change of what Git says is refused, and by whom that is said.
func (c *restClient) mustLeaveToGit(t *testing.T, path, field string, body any) {
	t.Helper()
	var got refusal
	c.api(t, http.MethodPut, path, body, http.StatusConflict, &got)
	if !strings.Contains(got.detail(), fluxOwner) || !strings.Contains(got.detail(), field) {
		t.Errorf("%v: the detail is %q, want one with %s and %s", body, got.detail(), field, fluxOwner)
	}
}

// mustSettle has Flux run several times, and fails the test if the App, its Pods, or one of its Domains is another one afterwards.
func mustSettle(t *testing.T, git *gitOps, namespace, slug string) {
	t.Helper()
	git.run(t) // What was under way is over when all is ready.
	state := func() []string { return append(podUIDs(t, namespace, slug), versions(t, namespace, slug, "www")...) }
	before := state()
	for range 3 {
		git.run(t)
	}
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("Flux's runs change what nobody has changed, -before +after:\n%s", diff)
	}
}

// versions are the resource versions of an App, its Deployment and a Domain.
func versions(t *testing.T, namespace, app, domain string) []string {
	t.Helper()
	var a berthv1alpha1.App
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: app}, &a); err != nil {
		t.Fatal(err)
	}
	return []string{
		"App " + a.ResourceVersion, "Domain " + getDomain(t, namespace, domain).ResourceVersion,
		"Deployment " + deployment(t, namespace, app).ResourceVersion,
	}
}

// TestFluxTakesOver adds to Git an App that was made by REST.
func TestFluxTakesOver(t *testing.T) {
	t.Parallel()
	const org, slug = "takeover-org", "takeover-app"
	v1, v2 := push(t, "takeover:v1", "-version=v1"), push(t, "takeover:v2", "-version=v2")
	manager, git := organization(t, org), newGitOps(t, org)
	apps := watchStatuses(t, "apps", org, slug)
	body := map[string]any{"slug": slug, "location": v1, "env": []env{{Name: "GREETING", Value: "From REST"}}, "dataset": "testing"}
	manager.call(t, http.MethodPost, "", body, http.StatusCreated, nil)
	apps.mustGo(t, "the App", status.InProgressStatus, status.CurrentStatus)

	// With what it says already, nothing happens but that REST may not change it any more.
	pods := podUIDs(t, org, slug)
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": appFile(org, slug, v1, "")}))
	if diff := cmp.Diff(pods, podUIDs(t, org, slug)); diff != "" {
		t.Errorf("that Git says what there is has replaced Pods, -before +after:\n%s", diff)
	}
	apps.mustGo(t, "the App that Git has now")
	manager.mustLeaveToGit(t, "/containers/"+org+"/apps/"+slug+"/", "spec.image", map[string]any{"location": v2})

	// What Git says of it counts, and the rest stays REST's.
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": appFile(org, slug, v2, "")}))
	apps.mustGo(t, "the App with Git's image", status.InProgressStatus, status.CurrentStatus)
	waitForPage(t, slug+"."+berth.Env.BaseDomain, "From REST from sample v2")
	manager.call(t, http.MethodPut, slug+"/", map[string]any{"env": []env{{Name: "GREETING", Value: "Still from REST"}}}, http.StatusOK, nil)
	apps.mustGo(t, "the App with another environment of REST's", status.InProgressStatus, status.CurrentStatus)
	waitForPage(t, slug+"."+berth.Env.BaseDomain, "Still from REST from sample v2")

	// And what leaves Git is gone, whoever made it.
	git.mustApply(t, git.push(t, map[string]string{"app.yaml": "", "none.yaml": organizationFile(org)}))
	mustLeaveNothing(t, org)
	apps.mustGo(t, "the App that has left Git", status.NotFoundStatus)
	manager.call(t, http.MethodGet, slug+"/", nil, http.StatusNotFound, nil)
}
