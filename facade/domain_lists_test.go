package facade

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// addDomain makes a Domain as kubectl does.
func addDomain(t *testing.T, organization, name, host, app string) {
	t.Helper()
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name},
		Spec:       v1alpha1.DomainSpec{Host: host, AppRef: v1alpha1.AppRef{Name: app}},
	}
	if err := suite.cluster.Create(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
}

// TestDomainPages says in which order domains are listed, a page at a time, and that a list asks the API server for nothing.
func TestDomainPages(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	end := "-" + suffix + ".example.org"
	var want []string
	for i := range 30 {
		slug := fmt.Sprintf("p%02d-%s", i, suffix)
		call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
		switch i {
		case 3: // Several: the one that is named like the app comes first.
			addDomain(t, org, "b-of-3", "b"+end, slug)
			addDomain(t, org, slug, "z"+end, slug)
			addDomain(t, org, "a-of-3", "y"+end, slug)
			want = append(want, "z"+end, "b"+end, "y"+end)
		case 4:
			call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": "four" + end}).want(t, http.StatusOK)
			want = append(want, "four"+end)
		default:
			want = append(want, slug+"."+baseDomain)
		}
	}
	addDomain(t, org, "lonely", "lonely"+end, "nobody")
	list := func(path, token string) wire.Page[wire.Domain] {
		return decode[wire.Page[wire.Domain]](t, call(t, token, http.MethodGet, path, nil).want(t, http.StatusOK))
	}
	eventually(t, "the server knows all Domains", func() bool { return list(domainsPath(org), key).Count == 32 })
	hosts := func(pages ...wire.Page[wire.Domain]) []string {
		var all []string
		for _, page := range pages {
			for _, domain := range page.Results {
				if strings.HasSuffix(domain.Slug, "-"+suffix) {
					all = append(all, domain.Domain)
				}
			}
		}
		return all
	}
	var first, second wire.Page[wire.Domain]
	asked := suite.requests.during(org, func() { first, second = list(domainsPath(org), key), list(domainsPath(org)+"?page=2", key) })
	if len(asked) > 0 {
		t.Errorf("lists asked for %v", asked)
	}
	if diff := cmp.Diff(want, hosts(first, second)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if len(first.Results) != 25 || *first.Next != suite.url+domainsPath(org)+"?page=2" || first.Previous != nil {
		t.Errorf("page 1: %d results, next %v, previous %v", len(first.Results), first.Next, first.Previous)
	}
	if len(second.Results) != 7 || second.Next != nil || *second.Previous != suite.url+domainsPath(org) {
		t.Errorf("page 2: %d results, next %v, previous %v", len(second.Results), second.Next, second.Previous)
	}
	if got := call(t, key, http.MethodGet, domainsPath(org)+"?page=3", nil).want(t, http.StatusNotFound).json(t); got["detail"] != "Invalid page." {
		t.Errorf("page 3: %v", got)
	}

	// Host staff sees the same among those of all organizations, which come in their order.
	var pages []wire.Page[wire.Domain]
	for path := "/api/domains/?page_size=100"; path != ""; {
		page := list(path, suite.host)
		pages, path = append(pages, page), ""
		if page.Next != nil {
			path = strings.TrimPrefix(*page.Next, suite.url)
		}
	}
	if diff := cmp.Diff(want, hosts(pages...)); diff != "" {
		t.Errorf("of all organizations: -want, +got:\n%s", diff)
	}
	if got := call(t, suite.host, http.MethodGet, "/api/domains/?page=999", nil).want(t, http.StatusNotFound).json(t); got["detail"] != "Invalid page." {
		t.Errorf("page 999 of all: %v", got)
	}
}

// TestDomainsOfOrganizations says that the organizations come by name, and that what lies in other Namespaces isn't listed.
func TestDomainsOfOrganizations(t *testing.T) {
	first, _, _ := newSite(t, "first")
	second, _, _ := newSite(t, "second")
	stray := "stray-" + strings.TrimPrefix(first, "org-")
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: stray}, Spec: v1alpha1.AppSpec{Image: "example.com/a"}}
	if err := suite.cluster.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	var slugs []string
	for path := "/api/domains/?page_size=100"; path != ""; {
		page := decode[wire.Page[wire.Domain]](t, call(t, suite.host, http.MethodGet, path, nil).want(t, http.StatusOK))
		for _, domain := range page.Results {
			slugs = append(slugs, domain.Slug)
		}
		path = ""
		if page.Next != nil {
			path = strings.TrimPrefix(*page.Next, suite.url)
		}
	}
	a := slices.Index(slugs, "first-"+strings.TrimPrefix(first, "org-"))
	b := slices.Index(slugs, "second-"+strings.TrimPrefix(second, "org-"))
	if a < 0 || b < 0 || (a < b) != (first < second) || slices.Contains(slugs, stray) {
		t.Errorf("of %s and %s: got %v", first, second, slugs)
	}
}

func TestEmptyDomainPage(t *testing.T) {
	org, key := organization(t)
	want := `{"count":0,"next":null,"previous":null,"results":[]}` + "\n"
	if diff := cmp.Diff(want, string(call(t, key, http.MethodGet, domainsPath(org), nil).want(t, http.StatusOK).body)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
