package facade

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// TestDomainOfAnApp goes through what an app's domain and from_email can be.
func TestDomainOfAnApp(t *testing.T) {
	org, key := organization(t)
	slug := "domain-" + strings.TrimPrefix(org, "org-")
	host, standard := slug+".example.org", slug+"."+baseDomain
	type view struct{ Domain, FromEmail any }
	steps := []struct {
		name   string
		body   map[string]any
		want   view
		stored int
	}{
		{name: "Neither", body: map[string]any{}, want: view{Domain: standard, FromEmail: fromEmail}},
		{name: "Defaults", body: map[string]any{"domain": standard, "from_email": fromEmail}, want: view{Domain: standard, FromEmail: fromEmail}},
		{name: "FromEmail", body: map[string]any{"from_email": "a@b"}, want: view{Domain: standard, FromEmail: "a@b"}, stored: 1},
		{name: "FromEmailName", body: map[string]any{"from_email": `"Djao, Inc." <a@b>`}, want: view{standard, `"Djao, Inc." <a@b>`}, stored: 1},
		{name: "FromEmailAgain", body: map[string]any{"from_email": "a@b"}, want: view{Domain: standard, FromEmail: "a@b"}, stored: 1},
		{name: "Domain", body: map[string]any{"domain": strings.ToUpper(host)}, want: view{Domain: host, FromEmail: "a@b"}, stored: 1},
		{name: "NoFromEmail", body: map[string]any{"from_email": nil}, want: view{Domain: host, FromEmail: fromEmail}, stored: 1},
		{name: "Both", body: map[string]any{"domain": "www." + host, "from_email": "c@d"}, want: view{Domain: "www." + host, FromEmail: "c@d"}, stored: 1},
		{name: "NoDomain", body: map[string]any{"domain": ""}, want: view{Domain: standard, FromEmail: "c@d"}, stored: 1},
	}
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	for _, step := range steps {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			got := call(t, key, method, appPath(org, slug), step.body).want(t, http.StatusOK).json(t)
			if diff := cmp.Diff(step.want, view{Domain: got["domain"], FromEmail: got["from_email"]}); diff != "" {
				t.Errorf("%s %s: -want, +got:\n%s", step.name, method, diff)
			}
		}
		domains := &v1alpha1.DomainList{}
		if err := suite.cluster.List(t.Context(), domains, client.InNamespace(org)); err != nil {
			t.Fatal(err)
		}
		if len(domains.Items) != step.stored {
			t.Errorf("%s: got %d Domains, want %d", step.name, len(domains.Items), step.stored)
		}
		for _, domain := range domains.Items {
			if owners := domain.OwnerReferences; len(owners) != 1 || owners[0].UID != appOf(t, org, slug).UID {
				t.Errorf("%s: the Domain doesn't go with its App: %v", step.name, owners)
			}
		}
	}
}

// TestNameOfADomain says that the Domain of another app isn't taken for one of the app that has its name.
func TestNameOfADomain(t *testing.T) {
	org, key := organization(t)
	slug := "named-" + strings.TrimPrefix(org, "org-")
	host := slug + ".example.net"
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: slug},
		Spec:       v1alpha1.DomainSpec{Host: "www." + host, AppRef: v1alpha1.AppRef{Name: "another"}},
	}
	if err := suite.cluster.Create(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"slug": slug, "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	eventually(t, "the answer says which Domain is in the way", func() bool {
		got := call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": host}).want(t, http.StatusConflict)
		return bytes.Contains(got.body, []byte("serves the app another"))
	})
}

func TestTakenDomain(t *testing.T) {
	org, key := organization(t)
	other, otherKey := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	host := suffix + ".example.org"
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": "has-" + suffix, "location": "example.com/a", "domain": host}).want(t, http.StatusCreated)
	call(t, otherKey, http.MethodPost, appsPath(other), map[string]any{"slug": "wants-" + suffix, "location": "example.com/a"}).want(t, http.StatusCreated)
	before := world(t, other)
	reserved := func(host string) string {
		return "Host " + host + " is reserved: of " + baseDomain + " and the names below it, a Domain can only have the default host of its App."
	}
	for name, tc := range map[string]struct{ domain, want string }{
		"OfADomain":      {domain: host, want: "This domain is taken."},
		"DefaultOfAnApp": {domain: "has-" + suffix + "." + baseDomain, want: reserved("has-" + suffix + "." + baseDomain)},
		"BelowADefault":  {domain: "www.wants-" + suffix + "." + baseDomain, want: reserved("www.wants-" + suffix + "." + baseDomain)},
		"BaseDomain":     {domain: baseDomain, want: reserved(baseDomain)},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]any{"detail": "domain: " + tc.want, "domain": []any{tc.want}}
			changed := call(t, otherKey, http.MethodPut, appPath(other, "wants-"+suffix), map[string]any{"domain": tc.domain, "location": "example.com/b"})
			created := call(t, otherKey, http.MethodPost, appsPath(other), map[string]any{
				"slug":     "more-" + suffix,
				"location": "example.com/a",
				"domain":   tc.domain,
				"env":      []any{variable("A", "1")},
			})
			for _, got := range []answer{changed, created} {
				if diff := cmp.Diff(want, got.want(t, http.StatusBadRequest).json(t)); diff != "" {
					t.Errorf("-want, +got:\n%s", diff)
				}
			}
			if diff := cmp.Diff(before, world(t, other)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
}

// TestDomainOfGit says that a Domain that Git made for an App is the one that REST clients see, and keeps its owner.
func TestDomainOfGit(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	slug := "gitdomain-" + suffix
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	domain := ac.Domain("www", org).WithSpec(ac.DomainSpec().WithHost("www-" + suffix + ".example.org").WithAppRef(ac.AppRef().WithName(slug)))
	if err := suite.cluster.Apply(t.Context(), domain, git); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the Domain", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).json(t)["domain"] == "www-"+suffix+".example.org"
	})
	before := world(t, org)
	got := call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": suffix + ".example.net", "location": "example.com/b"})
	want := map[string]any{"detail": "spec.host is set by kustomize-controller; change it there."}
	if diff := cmp.Diff(want, got.want(t, http.StatusConflict).json(t)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it wrote: -before, +after:\n%s", diff)
	}
	changed := call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"from_email": "a@b"}).want(t, http.StatusOK).json(t)
	if changed["from_email"] != "a@b" {
		t.Errorf("from_email: got %v", changed["from_email"])
	}
}

// TestDomainBeforeItsApp says that an app takes the Domain that Git made for it before, and makes no second one.
func TestDomainBeforeItsApp(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	slug, host := "before-"+suffix, "before-"+suffix+".example.org"
	domain := ac.Domain("www", org).WithSpec(ac.DomainSpec().WithHost(host).WithAppRef(ac.AppRef().WithName(slug)))
	if err := suite.cluster.Apply(t.Context(), domain, git); err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"slug": slug, "location": "example.com/a", "domain": host}
	eventually(t, "the server knows the Domain", func() bool {
		created := call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated).json(t)
		if diff := cmp.Diff(host, created["domain"]); diff != "" {
			t.Errorf("-want, +got:\n%s", diff)
		}
		_, second := world(t, org)["Domain "+slug]
		call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
		return !second
	})
}

// TestAllOrNothing says that an app whose Domain can't be made isn't made either. The Domain's name is what is in the way: the facade looks for
// hosts, not names.
func TestAllOrNothing(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	slug := "half-" + suffix
	domain := ac.Domain(slug, org).WithSpec(ac.DomainSpec().WithHost("other-" + suffix + ".example.org").WithAppRef(ac.AppRef().WithName("other")))
	if err := suite.cluster.Apply(t.Context(), domain, git); err != nil {
		t.Fatal(err)
	}
	before := world(t, org)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{
		"slug": slug, "location": "example.com/a", "domain": suffix + ".example.net", "env": []any{variable("A", "1")},
	}).want(t, http.StatusConflict)
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it left something: -before, +after:\n%s", diff)
	}
	call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusNotFound)
}

// TestConcurrentHosts says that of many who want a host at the same time one gets it, and that the others are told.
func TestConcurrentHosts(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	statuses := make([]int, 6)
	for i := range statuses {
		app := map[string]any{"slug": fmt.Sprintf("host%d-%s", i, suffix), "location": "example.com/a"}
		call(t, key, http.MethodPost, appsPath(org), app).want(t, http.StatusCreated)
	}
	var running sync.WaitGroup
	for i := range statuses {
		running.Go(func() {
			body := map[string]any{"domain": suffix + ".example.org"}
			statuses[i] = call(t, key, http.MethodPut, domainPath(org, fmt.Sprintf("host%d-%s", i, suffix)), body).status
		})
	}
	running.Wait()
	slices.Sort(statuses)
	if diff := cmp.Diff([]int{200, 400, 400, 400, 400, 400}, statuses); diff != "" {
		t.Errorf("statuses: -want, +got:\n%s", diff)
	}
}
