package facade

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

func group(organization, role string) string { return "berth:" + organization + ":" + role }

// TestProfileMakes says that a form makes one key, which is shown once and works.
func TestProfileMakes(t *testing.T) {
	org, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"))
	values := plus(wish(org, "manager"), "form", ann.form(t, "/profile/"))
	made := ann.send(t, http.MethodPost, "/profile/keys", values, nil).want(t, http.StatusCreated)
	id, token := made.key(t)
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusOK {
		t.Errorf("a call with the new key: got %d", got)
	}
	key, err := suite.server.store.KeyByID(id)
	if err != nil {
		t.Fatal(err)
	}
	account := apikey.Account{Issuer: suite.identity.URL, Subject: "ann@example.com"}
	want := apikey.Spec{
		ID: id, Owner: "ann@example.com", Account: account, Description: "for <tests>", Role: apikey.RoleManager, Organizations: []string{org},
		Expires: key.Expires,
	}
	if diff := cmp.Diff(want, key.Spec); diff != "" {
		t.Errorf("the key: -want, +got:\n%s", diff)
	}
	if life := time.Until(key.Expires); life < 29*24*time.Hour || life > 30*24*time.Hour {
		t.Errorf("the key expires in %s, want 30 days", life)
	}
	line := auditLine{
		Msg: "audit", RequestID: made.header.Get("X-Request-Id"), User: "berth:person:ann@example.com", Owner: "ann@example.com", Role: "manager",
		Verb: "create", Resource: "apikeys", Organization: org, Name: id, Route: "/profile/keys", Remote: "127.0.0.1", Status: http.StatusCreated,
	}
	if diff := cmp.Diff([]auditLine{line}, linesAbout(t, suite.log, line.RequestID)); diff != "" {
		t.Errorf("the log: -want, +got:\n%s", diff)
	}
	again := ann.send(t, http.MethodPost, "/profile/keys", values, nil).want(t, http.StatusConflict)
	again.mustSay(t, "shown again")
	list := ann.get(t, "/profile/?organization="+org).want(t, http.StatusOK)
	list.mustSay(t, "for &lt;tests&gt;")
	for what, text := range map[string]string{"page of keys": list.text, "answer to the same form": again.text, "log": suite.log.String()} {
		if strings.Contains(text, token) {
			t.Errorf("the key is in the %s", what)
		}
	}
}

// TestProfileRevokes says that a revoked key doesn't work any more.
func TestProfileRevokes(t *testing.T) {
	org, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"))
	id, token := ann.post(t, "/profile/", "/profile/keys", wish(org, "manager")).want(t, http.StatusCreated).key(t)
	path := "/profile/keys/" + id + "/revoke"
	back := ann.post(t, path, path, nil).want(t, http.StatusSeeOther).header.Get("Location")
	notice := ann.get(t, back).want(t, http.StatusOK)
	notice.mustSay(t, "The key "+id+" is revoked")
	notice.mustSay(t, "“for &lt;tests&gt;” works no more")
	forged := ann.get(t, strings.Replace(back, "tests", "nothing", 1)).want(t, http.StatusOK)
	forged.mustSay(t, "The key "+id+" is revoked")
	if strings.Contains(forged.text, "nothing") {
		t.Error("a link that was changed has its words in the page")
	}
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusUnauthorized {
		t.Errorf("a call with the revoked key: got %d", got)
	}
	ann.get(t, path).want(t, http.StatusNotFound)
}

// TestProfileRotates says that the old key works beside the new one for as long as was chosen, and that a form makes one new key.
func TestProfileRotates(t *testing.T) {
	org, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"))
	id, old := ann.post(t, "/profile/", "/profile/keys", wish(org, "contributor")).want(t, http.StatusCreated).key(t)
	path := "/profile/keys/" + id + "/rotate"
	values := url.Values{"form": {ann.form(t, path)}, "overlap": {"1h"}}
	replaced := ann.send(t, http.MethodPost, path, values, nil).want(t, http.StatusCreated)
	other, token := replaced.key(t)
	replaced.mustSay(t, "works until")
	for what, key := range map[string]string{"old": old, "new": token} {
		if got := call(t, key, http.MethodGet, appsPath(org), nil).status; got != http.StatusOK {
			t.Errorf("a call with the %s key: got %d", what, got)
		}
	}
	ann.send(t, http.MethodPost, path, values, nil).want(t, http.StatusConflict).mustSay(t, "shown again")
	list := ann.get(t, "/profile/")
	list.mustSay(t, "<dt>Replaces</dt><dd><code>"+id+"</code>")
	list.mustSay(t, "<dt>Replaced by</dt><dd><code>"+other+"</code>")
	list.mustSay(t, `<li class="replaced">`)
	ann.get(t, path).want(t, http.StatusConflict)
	path = "/profile/keys/" + other + "/rotate"
	ann.post(t, path, path, url.Values{"overlap": {"now"}}).want(t, http.StatusCreated)
	if got := call(t, token, http.MethodGet, appsPath(org), nil).status; got != http.StatusUnauthorized {
		t.Errorf("a call with a key that was to stop at once: got %d", got)
	}
}

// TestProfileRights says what people with other rights may do to keys, and that what they may not changes nothing.
func TestProfileRights(t *testing.T) {
	org, _ := organization(t)
	foreign, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"), group(foreign, "manager"))
	ben := visit(t, "Ben@example.com", group(org, "contributor"))
	mine := spawn(t, apikey.Spec{Owner: "ben@example.com", Role: apikey.RoleManager, Organizations: []string{org}})
	bens := spawn(t, apikey.Spec{Owner: "ben@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	annsKey := spawn(t, apikey.Spec{Owner: "ann@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	wide := spawn(t, apikey.Spec{Owner: "eve@example.com", Role: apikey.RoleContributor, Organizations: []string{org, foreign}})
	narrow := visit(t, "nan@example.com", group(org, "manager"))
	cases := map[string]struct {
		reason       string
		who          *visitor
		path         string
		values       url.Values
		want         int
		stillThereID string
	}{
		"ContributorMakesManager": {
			reason: "A contributor makes keys that read.", who: ben, path: "keys", values: wish(org, "manager"), want: http.StatusForbidden,
		},
		"ContributorMakesContributor": {
			reason: "A contributor makes keys that read.", who: ben, path: "keys", values: wish(org, "contributor"), want: http.StatusCreated,
		},
		"HostKey": {reason: "Keys of host staff aren't made here.", who: ann, path: "keys", values: wish(org, "host"), want: http.StatusBadRequest},
		"Foreign": {reason: "What one isn't in isn't there.", who: ben, path: "keys", values: wish(foreign, "contributor"), want: http.StatusNotFound},
		"None":    {reason: "Nor is what isn't there.", who: ben, path: "keys", values: wish("no-such-organization", "contributor"), want: http.StatusNotFound},
		"OtherExpiry": {
			reason: "There are so many choices.", who: ann, path: "keys", values: plus(wish(org, "manager"), "expiry", "1000d"), want: http.StatusBadRequest,
		},
		"LongDescription": {
			reason: "A description is a line.", who: ann, path: "keys", want: http.StatusBadRequest,
			values: plus(wish(org, "manager"), "description", strings.Repeat("x", 201)),
		},
		"OthersKey": {
			reason: "A contributor doesn't know of others' keys.", who: ben, path: "keys/" + annsKey + "/revoke", want: http.StatusNotFound, stillThereID: annsKey,
		},
		"WideKey": {
			reason: "Who manages one of a key's organizations can't revoke it for the others.",
			who:    narrow, path: "keys/" + wide + "/revoke", want: http.StatusForbidden, stillThereID: wide,
		},
		"RotateOthers": {
			reason: "Whoever is shown a key of somebody else's could act in their name.",
			who:    ann, path: "keys/" + bens + "/rotate", values: url.Values{"overlap": {"1h"}}, want: http.StatusForbidden, stillThereID: bens,
		},
		"RotateAfterDemotion": {
			reason: "Who isn't a manager any more can't go on with a manager's key.",
			who:    ben, path: "keys/" + mine + "/rotate", values: url.Values{"overlap": {"1h"}}, want: http.StatusForbidden, stillThereID: mine,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.who.post(t, "/profile/", "/profile/"+tc.path, tc.values); got.status != tc.want {
				t.Errorf("\n%s\ngot %d, want %d", tc.reason, got.status, tc.want)
			}
			if tc.stillThereID == "" {
				return
			}
			if _, err := suite.server.store.KeyByID(tc.stillThereID); err != nil {
				t.Errorf("\n%s\nthe key: %v", tc.reason, err)
			}
		})
	}
	list := ben.get(t, "/profile/").text
	if !strings.Contains(list, mine) || strings.Contains(list, annsKey) || strings.Contains(list, wide) {
		t.Error("a contributor sees other keys than their own")
	}
	for id, who := range map[string]*visitor{mine: ben, wide: ann} {
		who.post(t, "/profile/", "/profile/keys/"+id+"/revoke", nil).want(t, http.StatusSeeOther)
	}
}

// spawn writes a key and waits for the server to know it.
func spawn(t *testing.T, spec apikey.Spec) (id string) {
	t.Helper()
	key, _, err := apikey.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.cluster.Create(t.Context(), key.Secret(keysSpace)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the key", func() bool {
		_, err := suite.server.store.KeyByID(key.ID)
		return err == nil
	})
	return key.ID
}

// TestProfileForms says that nothing is changed by a form that isn't a page's of this session.
func TestProfileForms(t *testing.T) {
	org, _ := organization(t)
	ann, other := visit(t, "ann@example.com", group(org, "manager")), visit(t, "ann@example.com", group(org, "manager"))
	form := ann.form(t, "/profile/")
	const refused, nothing = http.StatusForbidden, "Nothing was changed"
	cases := map[string]struct {
		reason string
		who    *visitor
		values url.Values
		header http.Header
		want   int
		words  string
	}{
		"NoProof":      {reason: "A form without its proof is anybody's.", who: ann, values: wish(org, "manager"), want: refused, words: nothing},
		"OtherNumber":  {reason: "The proof is of one number.", who: ann, values: plus(wish(org, "manager"), "form", "X"+form), want: refused, words: nothing},
		"OtherSession": {reason: "The proof is of one session.", who: other, values: plus(wish(org, "manager"), "form", form), want: refused, words: nothing},
		"OtherSite": {
			reason: "Another site's page may send nothing.", who: ann, values: plus(wish(org, "manager"), "form", form),
			header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, want: http.StatusForbidden, words: "Pages of other sites",
		},
		"NotSignedIn": {reason: "Who isn't signed in is asked to.", who: stranger(t), values: plus(wish(org, "manager"), "form", form), want: http.StatusSeeOther},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.who.send(t, http.MethodPost, "/profile/keys", tc.values, tc.header).want(t, tc.want)
			got.mustSay(t, tc.words)
			if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") && got.status != http.StatusSeeOther {
				t.Errorf("\n%s\nthe answer is %s", tc.reason, got.header.Get("Content-Type"))
			}
		})
	}
	for _, key := range suite.server.store.KeysOf("ann@example.com", apikey.Account{Issuer: suite.identity.URL, Subject: "ann@example.com"}) {
		if slices.Contains(key.Organizations, org) && key.Description != "" {
			t.Errorf("there is the key %s", key.ID)
		}
	}
	ann.get(t, "/profile/?ended=1").want(t, http.StatusOK)
	stranger(t).get(t, "/profile/?ended=1").want(t, http.StatusOK).mustSay(t, "not signed in any more")
}
