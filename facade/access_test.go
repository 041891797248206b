package facade

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/apikey"
)

// everyCall is each call about one organization, with what it answers to a manager, in an organization that has the app APP, in an order in
// which it can be made.
var everyCall = []struct {
	method, path string
	body         any
	reads        bool
	want         int
}{
	{method: http.MethodGet, path: "/api/containers/ORG/apps/", reads: true, want: http.StatusOK},
	{method: http.MethodGet, path: "/api/containers/ORG/apps/APP/", reads: true, want: http.StatusOK},
	{method: http.MethodGet, path: "/api/containers/ORG/apps/APP/logs/", reads: true, want: http.StatusOK},
	{method: http.MethodPut, path: "/api/containers/ORG/apps/APP/", body: map[string]any{"dataset": "testing"}, want: http.StatusOK},
	{method: http.MethodPost, path: "/api/containers/ORG/apps/APP/", want: http.StatusCreated},
	{method: http.MethodGet, path: "/api/domains/ORG/", reads: true, want: http.StatusOK},
	{method: http.MethodPost, path: "/api/domains/ORG/", body: map[string]any{"domain": "APP.example.org", "slug": "APP"}, want: http.StatusCreated},
	{method: http.MethodGet, path: "/api/domains/ORG/APP/", reads: true, want: http.StatusOK},
	{method: http.MethodPut, path: "/api/domains/ORG/APP.example.org/", body: map[string]any{"authentication": 1}, want: http.StatusOK},
	{method: http.MethodPost, path: "/api/domains/ORG/APP/newcert/", want: http.StatusCreated},
	{method: http.MethodDelete, path: "/api/domains/ORG/APP/certificates/", want: http.StatusNoContent},
	{method: http.MethodPost, path: "/api/domains/ORG/APP/test-email/", want: http.StatusCreated},
	{method: http.MethodPost, path: "/api/notifications/ORG/test-email/", want: http.StatusCreated},
	{method: http.MethodDelete, path: "/api/containers/ORG/apps/APP/", want: http.StatusNoContent},
	{
		method: http.MethodPost, path: "/api/containers/ORG/apps/", want: http.StatusCreated,
		body: map[string]any{"slug": "APP", "location": "example.com/shop:v1"},
	},
}

// fill puts an organization and an app into the path and the body of a call.
func fill(t *testing.T, path string, body any, organization, app string) (string, any) {
	t.Helper()
	replacer := strings.NewReplacer("ORG", organization, "APP", app)
	if body == nil {
		return replacer.Replace(path), nil
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return replacer.Replace(path), json.RawMessage(replacer.Replace(string(encoded)))
}

// TestAllOrganizations says that what is about all organizations is for host staff alone.
func TestAllOrganizations(t *testing.T) {
	org, manager := organization(t)
	slug := "everywhere-" + strings.TrimPrefix(org, "org-")
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/shop:v1"}).want(t, http.StatusCreated)
	body := map[string]any{"domain": slug + ".example.org"}
	for _, path := range []string{"/api/domains/", "/api/domains"} {
		call(t, "", http.MethodGet, path, nil).want(t, http.StatusUnauthorized)
		for _, token := range []string{manager, member(t, apikey.RoleContributor, org)} {
			call(t, token, http.MethodGet, path, nil).want(t, http.StatusForbidden)
			call(t, token, http.MethodPost, path, body).want(t, http.StatusForbidden)
		}
		call(t, suite.host, http.MethodGet, path, nil).want(t, http.StatusOK)
	}
	created := call(t, suite.host, http.MethodPost, "/api/domains/", body).want(t, http.StatusCreated).json(t)
	if created["slug"] != slug {
		t.Errorf("the domain serves %v, want %s", created["slug"], slug)
	}
	call(t, manager, http.MethodGet, domainPath(org, slug+".example.org"), nil).want(t, http.StatusOK)
}

// TestKeyElsewhere says that whoever may write Secrets in an organization can't make a key of them.
func TestKeyElsewhere(t *testing.T) {
	org, manager := organization(t)
	forged, token, err := apikey.New(apikey.Spec{Owner: "mallory@example.com", Role: apikey.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.cluster.Create(t.Context(), forged.Secret(org)); err != nil {
		t.Fatal(err)
	}
	// A Secret that is made later and seen shows that the forged one has been.
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{
		"slug": "key-elsewhere", "location": "example.com/a", "env": []any{map[string]any{"name": "A", "value": "1"}},
	}).want(t, http.StatusCreated)
	call(t, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
}

// TestSecrets says that neither keys nor passwords nor values reach the log, an App or the answer about a domain.
func TestSecrets(t *testing.T) {
	org, manager := organization(t)
	const value = "a-value-to-look-for"
	env := []any{variable("PASSWORD", value)}
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": "secretive", "location": "example.com/a", "env": env}).want(t, http.StatusCreated)
	env = append(env, variable(value+"=", ""))
	call(t, manager, http.MethodPut, appPath(org, "secretive")+"?token="+value, map[string]any{"dataset": value, "env": env}).want(t, http.StatusBadRequest)
	call(t, manager, http.MethodPut, appPath(org, "secretive"), map[string]any{"env": env}).want(t, http.StatusBadRequest)

	sent := newAuthority(t).pair(t, "secretive.example.org")
	body := with(sent.body(), map[string]any{"domain": "secretive.example.org", "email_host_user": "ann", "email_host_password": value})
	path := domainPath(org, "secretive")
	call(t, manager, http.MethodPut, path, with(body, map[string]any{"domain": "secretive.example.net"})).want(t, http.StatusBadRequest)
	answers := [][]byte{
		call(t, manager, http.MethodPut, path, body).want(t, http.StatusOK).body,
		call(t, manager, http.MethodGet, path, nil).want(t, http.StatusOK).body,
		call(t, manager, http.MethodPost, path+"newcert/", nil).want(t, http.StatusCreated).body,
		call(t, manager, http.MethodPost, path+"test-email/", nil).want(t, http.StatusCreated).body,
		call(t, suite.host, http.MethodGet, "/api/domains/?page_size=100", nil).want(t, http.StatusOK).body,
	}
	keyLine := strings.Split(sent.key, "\n")[1]
	for _, answer := range answers {
		for _, secret := range []string{value, keyLine, "PRIVATE KEY", mailPassword, "ssl_certificate_key", "email_host_password"} {
			if bytes.Contains(answer, []byte(secret)) {
				t.Errorf("an answer has %q in it", secret)
			}
		}
	}

	log := suite.log.String()
	for _, secret := range []string{value, mailPassword, keyLine, "PRIVATE KEY", manager, suite.host, strings.TrimPrefix(manager, apikey.Prefix)} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the secret %s", secret)
		}
	}
	app := appOf(t, org, "secretive")
	for _, variable := range app.Spec.Env {
		if variable.Value != nil {
			t.Errorf("the App has the value of %s", variable.Name)
		}
	}
}
