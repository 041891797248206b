package facade

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// ways are those in which a key can be sent.
var ways = map[string]func(key string) string{
	"UserName":         func(key string) string { return basicAuth(key, "") },
	"WithPassword":     func(key string) string { return basicAuth(key, "secret") },
	"Password":         func(key string) string { return basicAuth("", key) },
	"WithUserName":     func(key string) string { return basicAuth("ann@example.com", key) },
	"Bearer":           func(key string) string { return "Bearer " + key },
	"BearerLower":      func(key string) string { return "bearer " + key },
	"UserNamePassword": func(key string) string { return basicAuth(key, key) },
}

// TestWays sends keys in each way. A key has the same rights in all of them, one that does not work has the same answer as none, and the audit
// line names the key.
func TestWays(t *testing.T) {
	org, _ := organization(t)
	key, manager := newKeyOf(t, apikey.Spec{Owner: "ann@example.com", Role: apikey.RoleManager, Organizations: []string{org}})
	revoked, revokedToken := newKeyOf(t, apikey.Spec{Role: apikey.RoleManager, Organizations: []string{org}})
	if err := suite.server.store.RevokeKey(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	contributor := member(t, apikey.RoleContributor, org)
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			for token, want := range map[string]int{
				manager: http.StatusNotFound, contributor: http.StatusForbidden, revokedToken: http.StatusUnauthorized, apikey.Prefix + "x": http.StatusUnauthorized,
			} {
				got := ask(t, suite.server, "", http.MethodDelete, appPath(org, "none"), http.Header{"Authorization": {way(token)}}).want(t, want)
				lines := linesAbout(t, suite.log, got.header.Get("X-Request-Id"))
				if token == manager && (len(lines) != 1 || lines[0].Msg != "audit" || lines[0].Key != key.ID || lines[0].Owner != "ann@example.com") {
					t.Errorf("the log of the manager's request: %+v", lines)
				}
				if want == http.StatusUnauthorized && got.header.Get("Www-Authenticate") != `Basic realm="api"` {
					t.Errorf("Www-Authenticate: got %q", got.header.Get("Www-Authenticate"))
				}
			}
		})
	}
	wantNowhere(t, manager, contributor, revokedToken)
}

// TestTwoKeys says that the key in the user name counts alone, as if there were no password.
func TestTwoKeys(t *testing.T) {
	org, manager := organization(t)
	contributor := member(t, apikey.RoleContributor, org)
	for name, tc := range map[string]struct {
		user, password string
		want           int
	}{
		"ManagerFirst":     {user: manager, password: contributor, want: http.StatusNotFound},
		"ContributorFirst": {user: contributor, password: manager, want: http.StatusForbidden},
		"UnknownFirst":     {user: apikey.Prefix + strings.Repeat("x", 40), password: manager, want: http.StatusUnauthorized},
		"UnknownSecond":    {user: manager, password: apikey.Prefix + strings.Repeat("x", 40), want: http.StatusNotFound},
		"NoKeyFirst":       {user: "ann", password: manager, want: http.StatusNotFound},
		"NoKeyAtAll":       {user: "ann", password: "secret", want: http.StatusUnauthorized},
		"PrefixAlone":      {user: apikey.Prefix, password: manager, want: http.StatusNotFound},
		"PrefixedUser":     {user: "berth_ci", password: manager, want: http.StatusNotFound},
	} {
		header := http.Header{"Authorization": {basicAuth(tc.user, tc.password)}}
		if got := ask(t, suite.server, "", http.MethodDelete, appPath(org, "none"), header); got.status != tc.want {
			t.Errorf("%s: got %d, want %d", name, got.status, tc.want)
		}
	}
}

// TestFailedLoginsInEachWay says that a key that does not work counts as a failed login in whichever way it is sent, and has the answer that
// nothing has.
func TestFailedLoginsInEachWay(t *testing.T) {
	org, key := organization(t)
	server, _ := another(t, func(o *Options) { o.Limits.FailedLogins = len(ways) + 1 })
	none := ask(t, server, "", http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
	for name, way := range ways {
		got := ask(t, server, "", http.MethodGet, appsPath(org), http.Header{"Authorization": {way(apikey.Prefix + "x")}}).want(t, http.StatusUnauthorized)
		if diff := cmp.Diff(string(none.body), string(got.body)); diff != "" {
			t.Errorf("%s: the body differs from that without a key: %s", name, diff)
		}
	}
	for name, way := range ways {
		bad := http.Header{"Authorization": {way(apikey.Prefix + "x")}}
		if got := ask(t, server, "", http.MethodGet, appsPath(org), bad); got.status != http.StatusTooManyRequests {
			t.Errorf("%s: got %d, want 429", name, got.status)
		}
		ask(t, server, "", http.MethodGet, appsPath(org), http.Header{"Authorization": {way(key)}}).want(t, http.StatusOK)
	}
}
