package facade

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// requestOf reads the signing request of an answer of newcert.
func requestOf(t *testing.T, got answer) *x509.CertificateRequest {
	t.Helper()
	text, _ := got.want(t, http.StatusCreated).json(t)["csr"].(string)
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("there is no csr")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// signAll makes a certificate for all names of a signing request.
func (a authority) signAll(t *testing.T, request *x509.CertificateRequest) string {
	t.Helper()
	return a.chain(t, request.DNSNames[0], request.PublicKey, func(c *x509.Certificate) { c.DNSNames = request.DNSNames })
}

// TestNewCertForSeveralHosts says that one request, and one key that never leaves the cluster, can be for several hosts of an app, and that each host
// keeps its own copy of the key.
func TestNewCertForSeveralHosts(t *testing.T) {
	org, key, slug := newSite(t, "several")
	apex, www, shop := slug+".example.org", "www."+slug+".example.org", "shop."+slug+".example.org"
	for _, host := range []string{apex, www, shop} {
		call(t, key, http.MethodPost, domainsPath(org), map[string]any{"slug": slug, "domain": host}).want(t, http.StatusCreated)
	}
	authority := newAuthority(t)
	newcert := func(host string, body map[string]any) answer {
		t.Helper()
		return call(t, key, http.MethodPost, domainPath(org, host)+"newcert/", body)
	}
	upload := func(host, chain string) answer {
		t.Helper()
		return call(t, key, http.MethodPut, domainPath(org, host), map[string]any{"ssl_certificate": chain})
	}
	waiting := func() int { return len(secretsOf(t, org, v1alpha1.SecretNewCertKey)) }

	request := requestOf(t, newcert(apex, map[string]any{"domains": []string{"WWW." + apex + ".", apex, www, shop}, "unknown": 1}))
	if diff := cmp.Diff([]string{apex, www, shop}, request.DNSNames); diff != "" || request.Subject.CommonName != apex {
		t.Errorf("common name %q, DNS names (-want +got):\n%s", request.Subject.CommonName, diff)
	}
	signed := authority.signAll(t, request)
	for i, host := range []string{www, apex, shop} {
		got := upload(host, signed).want(t, http.StatusOK).json(t)
		if got["ssl_certificate"] != signed || got["cert_type"] != "custom" {
			t.Errorf("%s shows %v", host, got)
		}
		if want := map[bool]int{true: 0, false: 1}[i == 2]; waiting() != want {
			t.Errorf("after %s has its certificate, %d keys wait, want %d", host, waiting(), want)
		}
	}
	// A renewal by the same key is for each of them, also once the others are gone.
	renewed := authority.signAll(t, request)
	upload(www, renewed).want(t, http.StatusOK)
	for _, host := range []string{apex, shop} {
		name := host
		if host == apex {
			name = slug // It was the first, which is named like the app.
		}
		if err := suite.cluster.Delete(t.Context(), domainOf(t, org, name)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the Domain is gone", func() bool {
			return call(t, key, http.MethodGet, domainPath(org, host), nil).status == http.StatusNotFound
		})
	}
	upload(www, authority.signAll(t, request)).want(t, http.StatusOK)
}

// TestKeyOutlivesItsDomain says that a key which waits for several hosts waits for the others when the Domain that it was made at is gone.
func TestKeyOutlivesItsDomain(t *testing.T) {
	org, key, slug := newSite(t, "outlives")
	first, second := slug+".example.org", "www."+slug+".example.org"
	for _, host := range []string{first, second} {
		call(t, key, http.MethodPost, domainsPath(org), map[string]any{"slug": slug, "domain": host}).want(t, http.StatusCreated)
	}
	request := requestOf(t, call(t, key, http.MethodPost, domainPath(org, first)+"newcert/", map[string]any{"domains": second}))
	signed := newAuthority(t).signAll(t, request)
	if err := suite.cluster.Delete(t.Context(), domainOf(t, org, slug)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Domain is gone", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, first), nil).status == http.StatusNotFound
	})
	call(t, key, http.MethodPut, domainPath(org, second), map[string]any{"ssl_certificate": signed}).want(t, http.StatusOK)
	if left := secretsOf(t, org, v1alpha1.SecretNewCertKey); len(left) > 0 {
		t.Errorf("%d keys wait for nothing", len(left))
	}
}

// TestNewCertBodies says which further hosts a request may name, and that a body that names none is not read for anything.
func TestNewCertBodies(t *testing.T) {
	org, key, slug := newSite(t, "bodies")
	foreignOrg, foreignKey, foreignSlug := newSite(t, "foreign")
	www, foreign := "www."+slug+".example.org", "www."+foreignSlug+".example.org"
	call(t, key, http.MethodPost, domainsPath(org), map[string]any{"slug": slug, "domain": www}).want(t, http.StatusCreated)
	call(t, foreignKey, http.MethodPost, domainsPath(foreignOrg), map[string]any{"slug": foreignSlug, "domain": foreign}).want(t, http.StatusCreated)
	other := "other-" + slug
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": other, "location": "example.com/a"}).want(t, http.StatusCreated)
	def := slug + "." + baseDomain
	const form, json = "application/x-www-form-urlencoded", "application/json"
	cases := map[string]struct {
		contentType, body string
		names             []string
		refused           bool
	}{
		"none":                   {names: []string{www}},
		"form":                   {contentType: form, body: url.Values{"domains": {def}}.Encode(), names: []string{www, def}},
		"form, repeated":         {contentType: form, body: url.Values{"domains": {www, def}}.Encode(), names: []string{www, def}},
		"form, commas":           {contentType: form, body: url.Values{"domains": {www + ", " + def}}.Encode(), names: []string{www, def}},
		"form, JSON":             {contentType: form, body: url.Values{"domains": {`["` + def + `"]`}}.Encode(), names: []string{www, def}},
		"null":                   {contentType: json, body: `{"domains": null}`, names: []string{www}},
		"empty":                  {contentType: json, body: `{"domains": []}`, names: []string{www}},
		"text":                   {contentType: json, body: `{"domains": "` + def + `"}`, names: []string{www, def}},
		"broken form":            {contentType: form, body: "%zz", names: []string{www}},
		"broken JSON":            {contentType: json, body: `{"domains": [`, refused: true},
		"an object":              {contentType: json, body: `{"domains": {"a": 1}}`, refused: true},
		"a list in it":           {contentType: json, body: `{"domains": [["` + def + `"]]}`, refused: true},
		"a wildcard":             {contentType: json, body: `{"domains": ["*.example.org"]}`, refused: true},
		"unknown host":           {contentType: json, body: `{"domains": ["else.example.org"]}`, refused: true},
		"another app's":          {contentType: json, body: `{"domains": ["` + other + "." + baseDomain + `"]}`, refused: true},
		"another organization's": {contentType: json, body: `{"domains": ["` + foreign + `"]}`, refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := secretsOf(t, org, v1alpha1.SecretNewCertKey)
			got := send(t, key, http.MethodPost, domainPath(org, www)+"newcert/", tc.contentType, []byte(tc.body))
			if !tc.refused {
				if diff := cmp.Diff(tc.names, requestOf(t, got).DNSNames); diff != "" {
					t.Errorf("DNS names (-want +got):\n%s", diff)
				}
				return
			}
			got.want(t, http.StatusBadRequest)
			if named := got.json(t)["domains"] != nil; named != (name != "broken JSON") {
				t.Errorf("got %v", got.json(t))
			}
			if diff := cmp.Diff(before, secretsOf(t, org, v1alpha1.SecretNewCertKey)); diff != "" {
				t.Error("a refused request changed the key that waits")
			}
		})
	}
}
