package facade

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/signin/signintest"
	"github.com/berth-dev/berth/internal/apikey"
)

// visitAs signs somebody in whom the identity provider calls subject.
func visitAs(t *testing.T, subject, address string, groups ...string) *visitor {
	t.Helper()
	v := stranger(t)
	claims := signintest.Person(address, groups...)
	claims["sub"] = subject
	query, err := suite.identity.Authorize(v.get(t, "/profile/sign-in").want(t, http.StatusSeeOther).header.Get("Location"), claims)
	if err != nil {
		t.Fatal(err)
	}
	v.get(t, "/profile/callback?"+query).want(t, http.StatusSeeOther)
	return v
}

// TestReassignedAddress says that somebody who is given the address of another person inherits none of their keys, and that the person keeps them
// under another address.
func TestReassignedAddress(t *testing.T) {
	org, _ := organization(t)
	const address = "reassigned@example.com"
	contributor := group(org, "contributor")
	first := visitAs(t, "first", address, contributor)
	id, token := first.post(t, "/profile/", "/profile/keys", wish(org, "contributor")).want(t, http.StatusCreated).key(t)
	rotate := "/profile/keys/" + id + "/rotate"
	second := visitAs(t, "second", strings.ToUpper(address[:1])+address[1:], contributor)
	for what, got := range map[string]page{
		"list": second.get(t, "/profile/"), "list without groups": visitAs(t, "second", address).get(t, "/profile/"),
	} {
		if strings.Contains(got.want(t, http.StatusOK).text, id) {
			t.Errorf("the %s of who has the address now shows the key", what)
		}
	}
	for _, path := range []string{rotate, "/profile/keys/" + id + "/revoke"} {
		second.get(t, path).want(t, http.StatusNotFound)
		second.post(t, "/profile/", path, url.Values{"overlap": {"now"}}).want(t, http.StatusNotFound)
	}
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusOK {
		t.Errorf("a call with the key: got %d", got)
	}
	renamed := visitAs(t, "first", "renamed@example.com", contributor)
	renamed.get(t, "/profile/").mustSay(t, id)
	other, _ := renamed.post(t, rotate, rotate, url.Values{"overlap": {"now"}}).want(t, http.StatusCreated).key(t)
	key, err := suite.server.store.KeyByID(other)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(apikey.Account{Issuer: suite.identity.URL, Subject: "first"}, key.Account); diff != "" {
		t.Errorf("the account of the new key: -want, +got:\n%s", diff)
	}
	if key.Owner != "renamed@example.com" {
		t.Errorf("the new key is that of %s, want the address that its owner has now", key.Owner)
	}
	// Also outside of the organization, and under yet another address.
	left := visitAs(t, "first", "left@example.com")
	left.get(t, "/profile/").mustSay(t, other)
	left.post(t, "/profile/", "/profile/keys/"+other+"/revoke", nil).want(t, http.StatusSeeOther)
}

// TestKeysWithoutAccount says that a key that berthctl has made for an address is that of who has it, until they replace it on the page.
func TestKeysWithoutAccount(t *testing.T) {
	org, _ := organization(t)
	const address = "without-account@example.com"
	id := spawn(t, apikey.Spec{Owner: address, Role: apikey.RoleContributor, Organizations: []string{org}})
	rotate := "/profile/keys/" + id + "/rotate"
	first := visitAs(t, "first", address, group(org, "contributor"))
	other, _ := first.post(t, rotate, rotate, url.Values{"overlap": {"now"}}).want(t, http.StatusCreated).key(t)
	second := visitAs(t, "second", address, group(org, "contributor"))
	if list := second.get(t, "/profile/").text; !strings.Contains(list, id) || strings.Contains(list, other) {
		t.Error("the next holder of the address doesn't see the key of the address, or sees that of the account")
	}
}
