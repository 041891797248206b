package facade

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/apikey"
)

// everyCall is each call about apps, with what it answers to a manager, in an organization that has the app "shop", in an order in which it
// can be made.
var everyCall = []struct {
	method, path string
	body         any
	reads        bool
	want         int
}{
	{method: http.MethodGet, path: "", reads: true, want: http.StatusOK},
	{method: http.MethodGet, path: "shop/", reads: true, want: http.StatusOK},
	{method: http.MethodGet, path: "shop/logs/", reads: true, want: http.StatusOK},
	{method: http.MethodPut, path: "shop/", body: map[string]any{"dataset": "testing"}, want: http.StatusOK},
	{method: http.MethodPost, path: "shop/", want: http.StatusCreated},
	{method: http.MethodDelete, path: "shop/", want: http.StatusNoContent},
	{method: http.MethodPost, path: "", body: map[string]any{"slug": "shop", "location": "example.com/shop:v1"}, want: http.StatusCreated},
}

func TestRoles(t *testing.T) {
	org, manager := organization(t)
	other, stranger := organization(t)
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": "shop", "location": "example.com/shop:v1"}).want(t, http.StatusCreated)
	contributor := member(t, apikey.RoleContributor, org)
	notFound := call(t, manager, http.MethodGet, appPath(org, "no-such-app"), nil).want(t, http.StatusNotFound).body

	for _, c := range everyCall {
		t.Run(c.method+"/"+c.path, func(t *testing.T) {
			path := appsPath(org) + c.path
			unauthorized := call(t, "", c.method, path, c.body).want(t, http.StatusUnauthorized)
			if got := unauthorized.header.Get("WWW-Authenticate"); got != `Basic realm="api"` {
				t.Errorf("WWW-Authenticate: got %q", got)
			}
			unknown := call(t, apikey.Prefix+"unknown", c.method, path, c.body).want(t, http.StatusUnauthorized)
			if diff := cmp.Diff(string(unauthorized.body), string(unknown.body)); diff != "" {
				t.Errorf("an unknown key gets another answer than none: %s", diff)
			}
			for what, got := range map[string]answer{
				"Stranger":             call(t, stranger, c.method, path, c.body),
				"StrangerToNothing":    call(t, stranger, c.method, appsPath("no-such-organization")+c.path, c.body),
				"HostToNothing":        call(t, suite.host, c.method, appsPath("no-such-organization")+c.path, c.body),
				"HostToPlainNamespace": call(t, suite.host, c.method, appsPath("default")+c.path, c.body),
			} {
				if diff := cmp.Diff(string(notFound), string(got.want(t, http.StatusNotFound).body)); diff != "" {
					t.Errorf("%s: the answer differs from that for what doesn't exist: %s", what, diff)
				}
			}
			want := http.StatusForbidden
			if c.reads {
				want = c.want
			}
			call(t, contributor, c.method, path, c.body).want(t, want)
			call(t, manager, c.method, path, c.body).want(t, c.want)
		})
	}
	call(t, suite.host, http.MethodGet, appsPath(other), nil).want(t, http.StatusOK)
	call(t, suite.host, http.MethodPut, appPath(org, "shop"), map[string]any{"dataset": "testing"}).want(t, http.StatusOK)
}

func TestRevokedKey(t *testing.T) {
	org, _ := organization(t)
	key, token, err := apikey.New("ann@example.com", apikey.RoleManager, org)
	if err != nil {
		t.Fatal(err)
	}
	secret := key.Secret(systemSpace)
	if err := suite.cluster.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	status := func() int { return call(t, token, http.MethodGet, appsPath(org), nil).status }
	eventually(t, "the key works", func() bool { return status() == http.StatusOK })
	if err := suite.cluster.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revoked key doesn't work", func() bool { return status() == http.StatusUnauthorized })
}

// TestKeyElsewhere says that whoever may write Secrets in an organization can't make a key of them.
func TestKeyElsewhere(t *testing.T) {
	org, manager := organization(t)
	forged, token, err := apikey.New("mallory@example.com", apikey.RoleHost)
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

// TestSecrets says that neither keys nor values reach the log or an App.
func TestSecrets(t *testing.T) {
	org, manager := organization(t)
	const value = "a-value-to-look-for"
	env := []any{variable("PASSWORD", value)}
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": "secretive", "location": "example.com/a", "env": env}).want(t, http.StatusCreated)
	env = append(env, variable(value+"=", ""))
	call(t, manager, http.MethodPut, appPath(org, "secretive")+"?token="+value, map[string]any{"dataset": value, "env": env}).want(t, http.StatusBadRequest)
	call(t, manager, http.MethodPut, appPath(org, "secretive"), map[string]any{"env": env}).want(t, http.StatusBadRequest)

	log := suite.log.String()
	for _, secret := range []string{value, manager, suite.host, strings.TrimPrefix(manager, apikey.Prefix)} {
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
