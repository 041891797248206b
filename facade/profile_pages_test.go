package facade

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// TestProfileSignOut says that signing out takes a form, and that nobody is signed in then.
func TestProfileSignOut(t *testing.T) {
	org, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"))
	ann.send(t, http.MethodPost, "/profile/sign-out", url.Values{}, nil).want(t, http.StatusForbidden)
	ann.get(t, "/profile/").mustSay(t, "ann@example.com")
	ann.post(t, "/profile/", "/profile/sign-out", nil).want(t, http.StatusSeeOther)
	ann.get(t, "/profile/").want(t, http.StatusOK).mustSay(t, "/profile/sign-in")
}

// TestSignOutsAreBounded says that a person who sends very many sign-outs, of whatever page, is told to wait, as with every other form.
func TestSignOutsAreBounded(t *testing.T) {
	server, log := another(t, signingIn, func(o *Options) { o.Limits.KeyRate, o.Limits.KeyBurst, o.Edge.AnonymousLines = 0.01, 3, 0.01 })
	ann := visit(t, "forged@example.com").copied(t, "https://"+server.options.Listener.Addr().String())
	got := map[int]int{}
	for range 6 {
		got[ann.send(t, http.MethodPost, "/profile/sign-out", url.Values{"form": {"forged"}}, nil).status]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusForbidden: 3, http.StatusTooManyRequests: 3}, got); diff != "" {
		t.Errorf("answers: -want, +got:\n%s", diff)
	}
	if lines := strings.Count(log.String(), `"msg":"audit"`); lines > 4 {
		t.Errorf("6 sign-outs have %d lines", lines)
	}
}

// TestProfileManyOrganizations says that host staff find every organization, on pages of 25 or by its name.
func TestProfileManyOrganizations(t *testing.T) {
	for i := range 30 {
		org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("many-%02d", i)}}
		if err := testenv.Organize(t.Context(), suite.cluster, org, "external-id"); err != nil {
			t.Fatal(err)
		}
		if err := testenv.GrantIn(t.Context(), suite.cluster, org.Name); err != nil {
			t.Fatal(err)
		}
	}
	hana := visit(t, "hana@example.com", "berth:host")
	eventually(t, "all organizations are there", func() bool {
		return strings.Contains(hana.get(t, "/profile/?organization=many-").text, "30 organizations")
	})
	first := hana.get(t, "/profile/?organization=many-").text
	if got := strings.Count(first, "?organization=many-"); got != 26 || !strings.Contains(first, "page=2") { // One is in the link to the next page.
		t.Errorf("page 1 names %d organizations", got)
	}
	hana.get(t, "/profile/?organization=many-&page=2").want(t, http.StatusOK).mustSay(t, ">many-29<")
	hana.get(t, "/profile/?organization=many-&page=3").want(t, http.StatusNotFound)
	one := hana.get(t, "/profile/?organization=many-07").want(t, http.StatusOK)
	one.mustSay(t, "Make the key")
	one.mustSay(t, "host staff")
	hana.get(t, "/profile/?organization=no-such").want(t, http.StatusOK).mustSay(t, "None of your organizations")
	hana.post(t, "/profile/?organization=many-07", "/profile/keys", wish("many-07", "manager")).want(t, http.StatusCreated)
	visit(t, "nobody@example.com", "system:masters").get(t, "/profile/").want(t, http.StatusOK).mustSay(t, "You are in no organization")
}

// TestProfileOtherKeys says that people find those of their keys that hold where they aren't any more.
func TestProfileOtherKeys(t *testing.T) {
	org, _ := organization(t)
	id := spawn(t, apikey.Spec{Owner: "gone@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	gone := visit(t, "gone@example.com")
	gone.get(t, "/profile/").mustSay(t, id)
	gone.post(t, "/profile/", "/profile/keys/"+id+"/revoke", nil).want(t, http.StatusSeeOther)
}

// TestProfileFilter says that many keys can be searched and sorted, and a few can't; and that people see their organization's apps.
func TestProfileFilter(t *testing.T) {
	org, token := organization(t)
	call(t, token, http.MethodPost, appsPath(org), map[string]any{"slug": "shop", "location": "example.com/shop:v1"}).want(t, http.StatusCreated)
	mia := visit(t, "mia@example.com", group(org, "manager"))
	mia.get(t, "/profile/").mustSay(t, "Apps: shop<")
	if few := mia.get(t, "/profile/").text; strings.Contains(few, `name="key"`) {
		t.Error("a key can be searched where there is one")
	}
	ids := map[string]string{}
	for i, what := range []string{"GitLab CI", "laptop", "Nightly", "pager", "report", "Backup"} {
		end := metav1.NewTime(time.Now().Add(time.Duration(10+(i*5)%6) * time.Hour)) // The second one of these ends last.
		ids[what] = spawn(t, apikey.Spec{Owner: "team@example.com", Description: what, Role: apikey.RoleContributor, Organizations: []string{org}, Expires: end.Time})
	}
	shown := func(query string) (found []string) {
		page := mia.get(t, "/profile/?organization="+org+query).want(t, http.StatusOK)
		page.mustSay(t, `name="key"`)
		at := map[string]int{}
		for what := range ids {
			if at[what] = strings.Index(page.text, "<h3>"+what); at[what] >= 0 {
				found = append(found, what)
			}
		}
		slices.SortFunc(found, func(a, b string) int { return at[a] - at[b] })
		if !strings.Contains(query, "sort=ends") { // Keys of one second have no order.
			slices.Sort(found)
		}
		return found
	}
	all := []string{"Backup", "GitLab CI", "Nightly", "laptop", "pager", "report"}
	for query, want := range map[string][]string{
		"":                        all,
		"&sort=nonsense":          all,
		"&key=gitlab+ci":          {"GitLab CI"},
		"&key=" + ids["pager"]:    {"pager"},
		"&key=%20TEAM@":           all,
		"&key=nothing&sort=used":  nil,
		"&sort=ends":              {"GitLab CI", "Backup", "report", "pager", "Nightly", "laptop"},
		"&sort=ends&key=t":        {"GitLab CI", "Backup", "report", "pager", "Nightly", "laptop"},
		"&key=%3Cscript%3E&sort=": nil,
	} {
		if diff := cmp.Diff(want, shown(query)); diff != "" {
			t.Errorf("%q: -want, +got:\n%s", query, diff)
		}
	}
	mia.get(t, "/profile/?organization="+org+"&key=nothing").mustSay(t, "None of these keys is found by that")
}

// TestProfilePolicy says that every page, errors included, is a page and lets nothing in or out.
func TestProfilePolicy(t *testing.T) {
	v := stranger(t)
	for path, status := range map[string]int{
		"/profile": http.StatusOK, "/profile/": http.StatusOK, "/profile/nowhere": http.StatusNotFound, "/profile/callback": http.StatusBadRequest,
	} {
		got := v.get(t, path).want(t, status)
		want := "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		if diff := cmp.Diff(want, got.header.Get("Content-Security-Policy")); diff != "" {
			t.Errorf("%s: the policy: -want, +got:\n%s", path, diff)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "same-origin" || !strings.HasPrefix(got.text, "<!DOCTYPE html>") {
			t.Errorf("%s: the answer is %v", path, got.header)
		}
		if status >= http.StatusBadRequest {
			got.mustSay(t, got.header.Get("X-Request-Id"))
		}
	}
	if got := v.get(t, "/profiles"); strings.Contains(got.text, "<html") {
		t.Error("another path has a page of these")
	}
}

// TestProfileErrors says that pages of errors are for people: whoever has signed in still has, others are led to where they can, and an address
// that forms are sent to leads back.
func TestProfileErrors(t *testing.T) {
	org, _ := organization(t)
	ann, other := visit(t, "ann@example.com", group(org, "manager")), stranger(t)
	cases := map[string]struct {
		who  *visitor
		path string
		want int
		says []string
	}{
		"NotFound": {
			who: ann, path: "/profile/nowhere", want: http.StatusNotFound,
			says: []string{"There is no such page", "ann@example.com", "Sign out", "Back to your keys"},
		},
		"NoKey": {who: ann, path: "/profile/keys/abc/revoke", want: http.StatusNotFound, says: []string{"Sign out"}},
		"Cancelled": {
			who: other, path: "/profile/callback?error=access_denied&state=x", want: http.StatusForbidden,
			says: []string{"cancelled", `href="/profile/sign-in"`},
		},
		"Lost": {
			who: other, path: "/profile/callback?code=x&state=y", want: http.StatusBadRequest,
			says: []string{"You are not signed in", `href="/profile/sign-in"`},
		},
		"Form":    {who: ann, path: "/profile/keys", want: http.StatusSeeOther},
		"SignOut": {who: ann, path: "/profile/sign-out", want: http.StatusSeeOther},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.who.get(t, tc.path).want(t, tc.want)
			for _, words := range tc.says {
				got.mustSay(t, words)
			}
			if strings.Contains(got.text, "https://") || tc.who == other && strings.Contains(got.text, "Back to your keys") {
				t.Errorf("the page is %s", got.text)
			}
		})
	}
	ann.send(t, http.MethodPut, "/profile/", nil, nil).want(t, http.StatusMethodNotAllowed).mustSay(t, "Sign out")
}

// TestProfileOthersKeys says that the keys of others look as such where they are revoked.
func TestProfileOthersKeys(t *testing.T) {
	org, _ := organization(t)
	ann := visit(t, "ann@example.com", group(org, "manager"))
	bens := spawn(t, apikey.Spec{Owner: "ben@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	ann.get(t, "/profile/?organization="+org).mustSay(t, "Revoke ben@example.com’s key")
	ann.get(t, "/profile/keys/"+bens+"/revoke").mustSay(t, "It isn’t yours")
}

// TestProfileLimits says that who comes too often has to wait, which a page says.
func TestProfileLimits(t *testing.T) {
	limited := func(options *Options) {
		signingIn(options)
		options.Limits = Limits{FailedLogins: 2, KeyRate: 0.01, KeyBurst: 1}
	}
	server, stop := running(t, suite.certificates, limited)
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	org, _ := organization(t)
	url := suite.url
	suite.url = "https://" + server.options.Listener.Addr().String()
	defer func() { suite.url = url }()
	ann := visit(t, "ann@example.com", group(org, "manager"))
	eventually(t, "the other server knows the organization", func() bool { return strings.Contains(ann.get(t, "/profile/").text, org) })
	ann.post(t, "/profile/", "/profile/keys", wish(org, "manager")).want(t, http.StatusCreated)
	refused := ann.post(t, "/profile/", "/profile/keys", wish(org, "manager")).want(t, http.StatusTooManyRequests)
	refused.mustSay(t, "Too many requests; try again in")
	if refused.header.Get("Retry-After") == "" {
		t.Error("it isn't said when to try again")
	}
	ann.get(t, "/profile/callback").want(t, http.StatusBadRequest)
	ann.get(t, "/profile/callback").want(t, http.StatusTooManyRequests)
}

// TestProfileWithoutProvider says what the page says where there is no identity provider, and that one that is down takes nothing else with it.
func TestProfileWithoutProvider(t *testing.T) {
	server, stop := running(t, suite.certificates)
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	v := stranger(t)
	v.url = "https://" + server.options.Listener.Addr().String()
	v.get(t, "/profile/").want(t, http.StatusNotFound).mustSay(t, "API keys come from the platform")
	v.get(t, "/profile/sign-in").want(t, http.StatusNotFound)
}

// TestProfileProviderDown says that a provider that is down takes nothing with it.
func TestProfileProviderDown(t *testing.T) {
	down := func(options *Options) {
		signingIn(options)
		options.SignIn.Issuer = "https://127.0.0.1:1"
	}
	server, stop := running(t, suite.certificates, down)
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	v := stranger(t)
	v.url = "https://" + server.options.Listener.Addr().String()
	v.get(t, "/profile/sign-in").want(t, http.StatusServiceUnavailable).mustSay(t, "Nobody can sign in at the moment")
	v.get(t, "/api/").want(t, http.StatusOK)
}

// TestProfileWithoutSessionKey says that whoever has people sign in without a key for all replicas is told how to give one.
func TestProfileWithoutSessionKey(t *testing.T) {
	_, log := another(t, signingIn, func(options *Options) { options.SignIn.SessionKey = nil })
	for _, words := range []string{`"level":"WARN"`, "nobody can sign in", "--session-key-file", "berth-session"} {
		if !strings.Contains(log.String(), words) {
			t.Errorf("the log doesn't say %s: %s", words, log)
		}
	}
}
