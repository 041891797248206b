package facade

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// caller is somebody with a key, or without one that works, and what they are told when they may not do something.
type caller struct {
	name, token string
	// read, write and all are the answers to calls that read and write something of the organization, and to those about all organizations; 0 for
	// what the call answers if all is well.
	read, write, all int
	// values says that they see the values of variables.
	values bool
}

// callers are all kinds of them, from those who may do nothing to those who may do everything.
func callers(t *testing.T, org, manager string) []caller {
	t.Helper()
	revoked, revokedToken := newKeyOf(t, apikey.Spec{Role: apikey.RoleManager, Organizations: []string{org}})
	if err := suite.server.store.RevokeKey(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	_, expired := newKeyOf(t, apikey.Spec{Role: apikey.RoleHost, Expires: time.Now().Add(-time.Second)})
	other, stranger := organization(t)
	shared, excluded := newKeyOf(t, apikey.Spec{Role: apikey.RoleManager, Organizations: []string{other, org}})
	if err := suite.cluster.Create(t.Context(), apikey.Exclusion(org, shared.ID)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key is excluded", func() bool { return suite.server.store.Excluded(org, shared.ID) })
	const nobody, refused, unseen = http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound
	return []caller{
		{name: "NoKey", read: nobody, write: nobody, all: nobody},
		{name: "BadKey", token: apikey.Prefix + "unknown", read: nobody, write: nobody, all: nobody},
		{name: "Revoked", token: revokedToken, read: nobody, write: nobody, all: nobody},
		{name: "Expired", token: expired, read: nobody, write: nobody, all: nobody},
		{name: "OtherManager", token: stranger, read: unseen, write: unseen, all: refused},
		{name: "Excluded", token: excluded, read: unseen, write: unseen, all: refused},
		{name: "Contributor", token: member(t, apikey.RoleContributor, org), write: refused, all: refused},
		{name: "Manager", token: manager, all: refused, values: true},
		{name: "Host", token: suite.host, values: true},
	}
}

// versions are the resource versions of all Apps, Domains, HostClaims and Namespaces in the cluster, and of the Secrets in one of them, by kind and name.
func versions(t *testing.T, organization string) map[string]string {
	t.Helper()
	found := map[string]string{}
	note := func(kind string, list client.ObjectList, options ...client.ListOption) {
		if err := suite.cluster.List(t.Context(), list, options...); err != nil {
			t.Fatal(err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			object, err := meta.Accessor(item)
			if err == nil {
				found[kind+" "+object.GetNamespace()+"/"+object.GetName()] = object.GetResourceVersion()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	note("App", &v1alpha1.AppList{})
	note("Domain", &v1alpha1.DomainList{})
	note("HostClaim", &v1alpha1.HostClaimList{})
	note("Organization", &v1alpha1.OrganizationList{})
	note("Namespace", &corev1.NamespaceList{})
	note("Secret", &corev1.SecretList{}, client.InNamespace(organization))
	return found
}

// TestMatrix makes each call as each kind of caller. What is refused has changed nothing, and what somebody may not see answers as what isn't there.
func TestMatrix(t *testing.T) {
	org, manager := organization(t)
	slug := "matrix-" + strings.TrimPrefix(org, "org-")
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/shop:v1", "env": matrixEnv}).want(t, http.StatusCreated)
	all := callers(t, org, manager)
	notFound := string(call(t, manager, http.MethodGet, appPath(org, "no-such-app"), nil).want(t, http.StatusNotFound).body)
	for _, c := range everyCall {
		t.Run(c.method+c.path, func(t *testing.T) {
			path, body := fill(t, c.path, c.body, org, slug)
			for _, who := range all {
				status := who.write
				if c.reads {
					status = who.read
				}
				wantRefusal(t, who, status, notFound, org, c.method, path, body)
				// A write changes what the next one finds, so one of those who may does it.
				if status == 0 && (c.reads || who.name == "Manager") {
					got := call(t, who.token, c.method, path, body).want(t, c.want)
					wantValues(t, who.name+": "+c.method+" "+path, got, who.values)
				}
			}
			for _, nowhere := range []string{"no-such-organization", "default"} {
				host := caller{name: "HostTo " + nowhere, token: suite.host}
				wantRefusal(t, host, http.StatusNotFound, notFound, org, c.method, strings.Replace(path, org, nowhere, 1), body)
			}
		})
	}
	t.Run("Host", func(t *testing.T) {
		for _, c := range everyCall {
			path, body := fill(t, c.path, c.body, org, slug)
			call(t, suite.host, c.method, path, body).want(t, c.want)
		}
	})
	for _, path := range []string{"/api/containers//apps/", "/api/domains//", "/api/domains//" + slug + "/"} {
		if got := send(t, suite.host, http.MethodGet, path, "", nil).status; got != http.StatusNotFound {
			t.Errorf("host staff: GET %s answers %d, want %d", path, got, http.StatusNotFound)
		}
	}
	domain := map[string]any{"domain": slug + ".example.net", "slug": slug}
	for _, who := range all {
		wantRefusal(t, who, who.all, notFound, org, http.MethodGet, "/api/domains/", nil)
		wantRefusal(t, who, who.all, notFound, org, http.MethodPost, "/api/domains/", domain)
	}
	call(t, suite.host, http.MethodGet, "/api/domains/", nil).want(t, http.StatusOK)
	call(t, suite.host, http.MethodPost, "/api/domains/", domain).want(t, http.StatusCreated)
}

// matrixEnv is the environment of the app of TestMatrix.
var matrixEnv = []any{map[string]any{"name": "MATRIX_PASSWORD", "value": "of-the-matrix"}}

// wantValues fails the test if an answer about the app with matrixEnv has its value, but should not, or the other way round.
func wantValues(t *testing.T, what string, got answer, values bool) {
	t.Helper()
	shown := bytes.Contains(got.body, []byte(`"of-the-matrix"`))
	if named := bytes.Contains(got.body, []byte("MATRIX_PASSWORD")); shown != (named && values) {
		t.Errorf("%s: the answer names the variable: %t, shows its value: %t, want values: %t", what, named, shown, values)
	}
}

// wantRefusal makes a call that is answered with status, unless that is 0, and fails the test if it is answered otherwise or has changed something.
func wantRefusal(t *testing.T, who caller, status int, notFound, organization, method, path string, body any) {
	t.Helper()
	if status == 0 {
		return
	}
	before := versions(t, organization)
	got := call(t, who.token, method, path, body)
	if got.status != status {
		t.Errorf("%s: %s %s answers %d, want %d", who.name, method, path, got.status, status)
	}
	if status == http.StatusNotFound && string(got.body) != notFound {
		t.Errorf("%s: %s %s answers %s, other than for what isn't there", who.name, method, path, got.body)
	}
	if diff := cmp.Diff(before, versions(t, organization)); diff != "" {
		t.Errorf("%s: %s %s was refused and changed something: -before, +after:\n%s", who.name, method, path, diff)
	}
}
