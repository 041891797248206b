package facade

import (
	"net/http"
	"strings"
	"testing"

	berthhost "github.com/berth-dev/berth/internal/host"
)

// TestReservedHosts says that hosts of the platform and of the cluster are refused at every door.
func TestReservedHosts(t *testing.T) {
	org, key, slug := newSite(t, "reserved")
	for _, host := range []string{
		"berth-facade.berth-system", "Berth-Facade.Berth-System.", "kubernetes.default", "x.svc", "X.SVC.", "x.svc.cluster.local", "x.y.svc.corp.internal",
		"pod.service." + org, "berth.example.com", "BERTH.example.com.", "login.test", "sso.login.test", "localhost", "localhost.", "berth-system",
		"https://sso.login.test/", "ｌogin.test", "Ⓢso。login。test", "lo\u00adgin.test", "ｂerth.example.com", "x.ｓvc",
		baseDomain, "ａ" + strings.TrimPrefix(baseDomain, "a"), "x." + baseDomain, "www." + slug + "." + baseDomain,
	} {
		t.Run(host, func(t *testing.T) {
			body := map[string]any{"domain": host, "slug": slug, "location": "example.com/a"}
			for _, door := range []struct{ token, method, path string }{
				{key, http.MethodPost, appsPath(org)},
				{key, http.MethodPut, appPath(org, slug)},
				{key, http.MethodPost, appPath(org, slug)},
				{key, http.MethodPost, domainsPath(org)},
				{key, http.MethodPut, domainPath(org, slug)},
				{suite.host, http.MethodPost, "/api/domains/"},
			} {
				if door.path == appsPath(org) {
					body = with(body, map[string]any{"slug": "new-" + slug})
				} else {
					body = with(body, map[string]any{"slug": slug})
				}
				got := call(t, door.token, door.method, door.path, body).want(t, http.StatusBadRequest).json(t)
				if got["domain"] == nil || len(got) != 2 {
					t.Errorf("%s %s: got %v, want a 400 about domain", door.method, door.path, got)
				}
			}
			name, err := berthhost.Parse(host)
			if err != nil {
				name = strings.ToLower(strings.TrimSuffix(host, "."))
			}
			wantClaim(t, name, "", "", "")
		})
	}
	wantClaim(t, "new-"+slug+"."+baseDomain, "", "", "")
}
