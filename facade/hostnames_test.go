package facade

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/idna"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// internationalized returns a name in Unicode that no other test has, and its punycode.
func internationalized(t *testing.T, slug string) (unicode, ascii string) {
	t.Helper()
	unicode = "www.münchen-" + slug + ".example"
	ascii, err := idna.ToASCII(unicode)
	if err != nil {
		t.Fatal(err)
	}
	return unicode, ascii
}

// TestInternationalizedHost says that a name in Unicode and its punycode are one host wherever a client can name it, and that both are shown.
func TestInternationalizedHost(t *testing.T) {
	org, key, slug := newSite(t, "idn")
	unicode, ascii := internationalized(t, slug)
	body := map[string]any{"slug": slug, "domain": " https://" + strings.ToUpper(unicode) + "/ "}
	made := call(t, key, http.MethodPost, domainsPath(org), body).want(t, http.StatusCreated).json(t)
	want := with(defaultView(slug), map[string]any{"domain": ascii, "domain_unicode": unicode, "url": "https://" + ascii})
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if got := domainOf(t, org, slug).Spec.Host; got != ascii {
		t.Errorf("the host of the Domain is %q, want %q", got, ascii)
	}
	wantClaim(t, ascii, org, v1alpha1.HostHolderDomain, slug)
	app := call(t, key, http.MethodGet, appPath(org, slug), nil).want(t, http.StatusOK).json(t)
	if app["domain"] != ascii || app["domain_unicode"] != unicode {
		t.Errorf("the app has the domain %v, in Unicode %v", app["domain"], app["domain_unicode"])
	}

	before := world(t, org)
	for _, spelling := range []string{ascii, unicode, strings.ToUpper(ascii), strings.ToUpper(unicode), strings.ReplaceAll(unicode, ".", "。"), unicode + "."} {
		path := domainPath(org, url.PathEscape(spelling))
		got := call(t, key, http.MethodGet, path, nil).want(t, http.StatusOK).json(t)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("GET of %s: -want, +got:\n%s", spelling, diff)
		}
		call(t, key, http.MethodPut, path, map[string]any{"domain": spelling}).want(t, http.StatusOK)
		call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"domain": spelling}).want(t, http.StatusOK)
	}
	call(t, key, http.MethodPut, domainPath(org, slug), made).want(t, http.StatusOK)
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("the host in another spelling was written: -before, +after:\n%s", diff)
	}
	call(t, key, http.MethodGet, domainPath(org, url.PathEscape("-"+unicode)), nil).want(t, http.StatusNotFound)
	call(t, key, http.MethodGet, domainPath(org, "%ff"), nil).want(t, http.StatusNotFound)

	other, rival, otherSlug := newSite(t, "rival")
	for _, spelling := range []string{ascii, unicode, strings.ToUpper(unicode)} {
		taken := map[string]any{"domain": spelling, "slug": otherSlug}
		call(t, rival, http.MethodPost, domainsPath(other), taken).want(t, http.StatusBadRequest)
		call(t, rival, http.MethodPut, appPath(other, otherSlug), taken).want(t, http.StatusBadRequest)
	}
}

// TestCertificateOfAnInternationalizedHost says that requests and certificates have the punycode, by whichever name the domain is called.
func TestCertificateOfAnInternationalizedHost(t *testing.T) {
	org, key := organization(t)
	slug := "idncert-" + strings.TrimPrefix(org, "org-")
	unicode, ascii := internationalized(t, slug)
	body := map[string]any{"slug": slug, "location": "http://example.com/a", "domain": unicode}
	made := call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated).json(t)
	if made["location"] != "http://example.com/a" || made["domain"] != ascii {
		t.Errorf("the app has the location %v and the domain %v", made["location"], made["domain"])
	}
	path := domainPath(org, url.PathEscape(unicode))
	csr, _ := call(t, key, http.MethodPost, path+"newcert/", nil).want(t, http.StatusCreated).json(t)["csr"].(string)
	block, _ := pem.Decode([]byte(csr))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if request.Subject.CommonName != ascii || len(request.DNSNames) != 1 || request.DNSNames[0] != ascii {
		t.Errorf("the request is for %s and %v, want %s", request.Subject.CommonName, request.DNSNames, ascii)
	}
	signed := map[string]any{"ssl_certificate": newAuthority(t).sign(t, csr)}
	if got := call(t, key, http.MethodPut, path, signed).want(t, http.StatusOK).json(t); got["cert_type"] != "custom" {
		t.Errorf("after the upload, cert_type is %v", got["cert_type"])
	}
	call(t, key, http.MethodDelete, path+"certificates/", nil).want(t, http.StatusNoContent)
}

// TestHostOfAnEarlierVersion says that a host with invalid punycode, which earlier versions accepted, can be sent back but not chosen.
func TestHostOfAnEarlierVersion(t *testing.T) {
	org, key, slug := newSite(t, "earlier")
	host := "xn--a." + slug + ".example.org"
	addDomain(t, org, slug, host, slug)
	eventually(t, "the server knows the Domain", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, slug), nil).json(t)["domain"] == host
	})
	read := call(t, key, http.MethodGet, domainPath(org, host), nil).want(t, http.StatusOK).json(t)
	if shown, is := read["domain_unicode"]; is {
		t.Errorf("it is shown as %v", shown)
	}
	before := world(t, org)
	call(t, key, http.MethodPut, domainPath(org, slug), read).want(t, http.StatusOK)
	call(t, key, http.MethodPut, domainPath(org, slug), map[string]any{"domain": "www." + host}).want(t, http.StatusBadRequest)
	if diff := cmp.Diff(before, world(t, org)); diff != "" {
		t.Errorf("it was written: -before, +after:\n%s", diff)
	}
}
