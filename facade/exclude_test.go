package facade

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

// TestExcludeSharedKey says that a manager of one of a key's organizations keeps it out of that one, at once and for who follows a log, and lets it in
// again, while it works in the others.
func TestExcludeSharedKey(t *testing.T) {
	org, slug, _ := loggingApp(t)
	other, _ := organization(t)
	key, token := newKeyOf(t, apikey.Spec{Owner: "eve@example.com", Role: apikey.RoleManager, Organizations: []string{other, org}})
	replica, _ := another(t)
	mo := visit(t, "mo@example.com", group(org, "manager"))
	statuses := func() []int {
		return []int{
			call(t, token, http.MethodGet, appsPath(org), nil).status, call(t, token, http.MethodGet, appsPath(other), nil).status,
			call(t, token, http.MethodDelete, appPath(org, slug), nil).status,
		}
	}
	eventually(t, "the other server knows the key", func() bool { return ask(t, replica, token, http.MethodGet, appsPath(org), nil).status == http.StatusOK })
	f := follow(t, token, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "["+slug+" has no Pods]")

	path := "/profile/keys/" + key.ID + "/exclude/" + org
	list := mo.get(t, "/profile/?organization="+org)
	list.mustSay(t, `href="`+path+`">Exclude from `+org)
	mo.get(t, path).want(t, http.StatusOK).mustSay(t, "In its other organizations it goes on working")
	back := mo.post(t, path, path, url.Values{"then": {"exclude"}}).want(t, http.StatusSeeOther).header.Get("Location")
	if diff := cmp.Diff([]int{http.StatusNotFound, http.StatusOK, http.StatusNotFound}, statuses()); diff != "" {
		t.Errorf("the excluded key: -want, +got:\n%s", diff)
	}
	f.wantEnd(t)
	eventually(t, "the other server has heard of it", func() bool {
		return ask(t, replica, token, http.MethodGet, appsPath(org), nil).status == http.StatusNotFound
	})
	mo.get(t, back).mustSay(t, "A manager has excluded it from "+org)
	mo.post(t, path, path, url.Values{"then": {"exclude"}}).want(t, http.StatusSeeOther) // Whoever asks once more has it done.

	mo.get(t, path).mustSay(t, "Let it in again")
	for range 2 {
		mo.post(t, path, path, url.Values{"then": {"admit"}}).want(t, http.StatusSeeOther)
	}
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusOK {
		t.Errorf("the key that is let in again: got %d", got)
	}
	line := auditLine{}
	for _, l := range linesAbout(t, suite.log, mo.post(t, path, path, url.Values{"then": {"exclude"}}).header.Get("X-Request-Id")) {
		line = l
	}
	if line.Verb != "patch" || line.Resource != "apikeys" || line.Organization != org || line.Name != key.ID || line.User != "berth:person:mo@example.com" {
		t.Errorf("the audit log: got %+v", line)
	}
}

// TestExcludeRights says who may not exclude which keys.
func TestExcludeRights(t *testing.T) {
	org, _ := organization(t)
	other, _ := organization(t)
	shared := spawn(t, apikey.Spec{Owner: "cy@example.com", Role: apikey.RoleContributor, Organizations: []string{org, other}})
	single := spawn(t, apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org}})
	staff := spawn(t, apikey.Spec{Role: apikey.RoleHost})
	manager, contributor := visit(t, "mo@example.com", group(org, "manager")), visit(t, "cy@example.com", group(org, "contributor"))
	exclude := url.Values{"then": {"exclude"}}
	cases := map[string]struct {
		reason     string
		who        *visitor
		key, where string
		values     url.Values
		want       int
	}{
		"Contributor":  {reason: "They may revoke no keys.", who: contributor, key: shared, where: org, values: exclude, want: http.StatusForbidden},
		"OtherOrg":     {reason: "Each organization decides for itself.", who: manager, key: shared, where: other, values: exclude, want: http.StatusForbidden},
		"NotOfTheKey":  {who: manager, key: shared, where: "no-such-organization", values: exclude, want: http.StatusNotFound},
		"SingleKey":    {reason: "It is revoked instead.", who: manager, key: single, where: org, values: exclude, want: http.StatusForbidden},
		"HostStaff":    {reason: "No organization excludes the platform's staff.", who: manager, key: staff, where: org, values: exclude, want: http.StatusNotFound},
		"Unknown":      {who: manager, key: "nosuchid0", where: org, values: exclude, want: http.StatusNotFound},
		"Nonsense":     {who: manager, key: shared, where: org, values: url.Values{"then": {"revoke"}}, want: http.StatusBadRequest},
		"Nothing":      {who: manager, key: shared, where: org, want: http.StatusBadRequest},
		"NobodysVisit": {who: visit(t, "none@example.com"), key: shared, where: org, values: exclude, want: http.StatusNotFound},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := "/profile/keys/" + tc.key + "/exclude/" + tc.where
			if got := tc.who.post(t, "/profile/", path, tc.values).status; got != tc.want {
				t.Errorf("\n%s\ngot %d, want %d", tc.reason, got, tc.want)
			}
			if suite.server.store.Excluded(tc.where, tc.key) {
				t.Error("the key is excluded")
			}
		})
	}
}

// TestRotateExcludedKey says that a rotation is no way around an exclusion, and that a key which all exclude is replaced by none.
func TestRotateExcludedKey(t *testing.T) {
	org, _ := organization(t)
	other, _ := organization(t)
	spec := apikey.Spec{Owner: "ro@example.com", Role: apikey.RoleContributor, Organizations: []string{org, other}}
	key, _ := newKeyOf(t, spec)
	ro := visit(t, "ro@example.com", group(org, "manager"), group(other, "manager"))
	excluded := func(id, organization string) {
		t.Helper()
		path := "/profile/keys/" + id + "/exclude/" + organization
		ro.post(t, path, path, url.Values{"then": {"exclude"}}).want(t, http.StatusSeeOther)
	}
	excluded(key.ID, org)
	path := "/profile/keys/" + key.ID + "/rotate"
	id, token := ro.post(t, path, path, url.Values{"overlap": {"now"}}).want(t, http.StatusCreated).key(t)
	successor, err := suite.server.store.KeyByID(id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{other}, successor.Organizations); diff != "" {
		t.Errorf("the successor's organizations: -want, +got:\n%s", diff)
	}
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusNotFound {
		t.Errorf("the successor in the organization that excludes the key: got %d", got)
	}
	lost, lostToken := newKeyOf(t, spec)
	excluded(lost.ID, org)
	excluded(lost.ID, other)
	for _, organization := range []string{org, other} {
		if got := call(t, lostToken, http.MethodGet, appsPath(organization), nil).status; got != http.StatusNotFound {
			t.Errorf("a key that all exclude: got %d", got)
		}
	}
	path = "/profile/keys/" + lost.ID + "/rotate"
	ro.post(t, "/profile/", path, url.Values{"overlap": {"now"}}).want(t, http.StatusForbidden)
	if page := ro.get(t, "/profile/?organization="+org).text; strings.Contains(page, `href="`+path) {
		t.Error("the page offers to replace a key that all exclude")
	}
}

// TestExclusionsDoNotAddUp says that the exclusions of keys that are gone are deleted, and that an excluded key does not count.
func TestExclusionsDoNotAddUp(t *testing.T) {
	org, _ := organization(t)
	other, _ := organization(t)
	mo := visit(t, "mo@example.com", group(org, "manager"))
	spec := apikey.Spec{Role: apikey.RoleContributor, Organizations: []string{org, other}}
	gone, _ := newKeyOf(t, spec)
	shared, _ := newKeyOf(t, spec)
	exclude := func(id string) {
		t.Helper()
		path := "/profile/keys/" + id + "/exclude/" + org
		mo.post(t, path, path, url.Values{"then": {"exclude"}}).want(t, http.StatusSeeOther)
	}
	exclude(gone.ID)
	if err := suite.server.store.RevokeKey(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	exclude(shared.ID)
	eventually(t, "the exclusion of the key that is gone is deleted", func() bool { return !suite.server.store.Excluded(org, gone.ID) })
	if !suite.server.store.Excluded(org, shared.ID) {
		t.Error("the exclusion of a key that is there is gone")
	}
	const many = 12
	for i := range many {
		if err := suite.cluster.Create(t.Context(), apikey.Exclusion(org, fmt.Sprintf("goneid%02d", i))); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (count int) {
		for i := range many {
			if suite.server.store.Excluded(org, fmt.Sprintf("goneid%02d", i)) {
				count++
			}
		}
		return count
	}
	eventually(t, "the exclusions are known", func() bool { return left() == many })
	another, _ := newKeyOf(t, spec)
	exclude(another.ID)
	eventually(t, "ten of them are deleted, and no more at once", func() bool { return left() == 2 })
	exclude(shared.ID)
	eventually(t, "the rest is deleted", func() bool { return left() == 0 })
	limits := KeyLimits{PerOrganization: 2}
	holding := suite.server.store.WithoutExclusions(shared)
	wanted := apikey.Key{Spec: apikey.Spec{ID: "new", Organizations: []string{org}}}
	if err := limits.Check(wanted, []apikey.Key{holding, holding}, shared.Created.Time); err != nil {
		t.Errorf("an excluded key counts: %v", err)
	}
}
