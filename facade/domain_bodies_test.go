package facade

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBadDomainBodies says that each kind of bad input is told by its field, and that nothing is written.
func TestBadDomainBodies(t *testing.T) {
	org, key, slug := newSite(t, "bad")
	_, _, taken := newSite(t, "hastaken")
	host := slug + ".example.org"
	authority := newAuthority(t)
	mine := authority.pair(t, host)
	call(t, key, http.MethodPut, domainPath(org, slug), with(mine.body(), map[string]any{
		"domain": host, "email_host": "smtp.example.org", "email_host_user": "ann", "email_host_password": "secret",
	})).want(t, http.StatusOK)
	addDomain(t, org, "second", "second."+host, slug)
	eventually(t, "the server knows the second Domain", func() bool {
		return call(t, key, http.MethodGet, domainPath(org, "second."+host), nil).status == http.StatusOK
	})
	call(t, key, http.MethodPost, domainPath(org, slug)+"newcert/", nil).want(t, http.StatusCreated)
	before := world(t, org)

	good, other := authority.pair(t, host), authority.pair(t, host)
	changed := func(change func(*x509.Certificate)) map[string]any { return authority.pair(t, host, change).body() }
	chained := func(chain, key string) map[string]any { return pair{chain: chain, key: key}.body() }
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	text := certificatesOf(good.chain)
	const certificate, privateKey = "ssl_certificate", "ssl_certificate_key"
	cases := map[string]struct {
		body map[string]any
		want string
	}{
		"WrongPair":      {body: chained(good.chain, other.key), want: privateKey},
		"SameWrongKey":   {body: chained(mine.chain, other.key), want: privateKey},
		"NoKey":          {body: map[string]any{certificate: good.chain}, want: privateKey},
		"KeyAlone":       {body: map[string]any{privateKey: good.key}, want: certificate},
		"Expired":        {body: changed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), want: certificate},
		"NotYet":         {body: changed(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }), want: certificate},
		"OtherName":      {body: changed(func(c *x509.Certificate) { c.DNSNames = []string{"www." + host} }), want: certificate},
		"NoName":         {body: changed(func(c *x509.Certificate) { c.DNSNames = nil }), want: certificate},
		"OtherUse":       {body: changed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), want: certificate},
		"NoLeaf":         {body: chained(text[1], good.key), want: certificate},
		"Unrelated":      {body: chained(text[0]+newAuthorityText(t), good.key), want: certificate},
		"Weak":           {body: chained(authority.chain(t, host, weak.Public()), keyText(t, weak)), want: privateKey},
		"WeakChain":      {body: map[string]any{certificate: authority.chain(t, host, weak.Public())}, want: certificate},
		"Truncated":      {body: chained(good.chain[:len(good.chain)-40], good.key), want: certificate},
		"NotPEM":         {body: chained("...", good.key), want: certificate},
		"OtherKeyInside": {body: chained(good.chain+other.key, good.key), want: privateKey},
		"TwoKeysInside":  {body: chained(good.chain+good.key+other.key, ""), want: certificate},
		"DamagedIssuer":  {body: chained(text[0]+text[1][:99]+"\n"+text[1][100:], good.key), want: certificate},
		"DER":            {body: chained(good.chain, strings.Join(strings.Split(good.key, "\n")[1:3], "\n")), want: privateKey},
		"Megabyte":       {body: chained(strings.Repeat(good.chain, 1<<20/len(good.chain)), good.key), want: certificate},
		"ThreeKeys":      {body: chained(good.chain, good.key+other.key+good.key), want: privateKey},
		"KeyNotPEM":      {body: chained(good.chain, "..."), want: privateKey},
		"KeyIsChain":     {body: chained(good.chain, good.chain), want: privateKey},
		"KeyTruncated":   {body: chained(good.chain, good.key[:60]), want: privateKey},
		"CertNumber":     {body: map[string]any{certificate: []any{}}, want: certificate},
		"HostIP":         {body: map[string]any{"domain": "192.0.2.1"}, want: "domain"},
		"HostIPv6":       {body: map[string]any{"domain": "2001:db8::1"}, want: "domain"},
		"HostWildcard":   {body: map[string]any{"domain": "*.example.org"}, want: "domain"},
		"HostOneLabel":   {body: map[string]any{"domain": "localhost"}, want: "domain"},
		"HostLong":       {body: map[string]any{"domain": strings.Repeat("a.", 127) + "aa"}, want: "domain"},
		"HostNoName":     {body: map[string]any{"domain": "https://example.org/shop"}, want: "domain"},
		"HostPort":       {body: map[string]any{"domain": "https://example.org:8443/"}, want: "domain"},
		"HostPunycode":   {body: map[string]any{"domain": "xn--a.example"}, want: "domain"},
		"HostIDN":        {body: map[string]any{"domain": "-münchen.example"}, want: "domain"},
		"HostEmpty":      {body: map[string]any{"domain": ""}, want: "domain"},
		"HostNull":       {body: map[string]any{"domain": nil}, want: "domain"},
		"HostBase":       {body: map[string]any{"domain": baseDomain}, want: "domain"},
		"HostBelowBase":  {body: map[string]any{"domain": "more." + slug + "." + baseDomain}, want: "domain"},
		"HostOfAnApp":    {body: map[string]any{"domain": taken + "." + baseDomain}, want: "domain"},
		"HostOfTheSame":  {body: map[string]any{"domain": "second." + host}, want: "domain"},
		"SlugOfOther":    {body: map[string]any{"slug": taken, "authentication": 1}, want: "slug"},
		"SlugList":       {body: map[string]any{"slug": []any{}}, want: "slug"},
		"PortZero":       {body: map[string]any{"email_port": 0}, want: "email_port"},
		"PortLarge":      {body: map[string]any{"email_port": "65536"}, want: "email_port"},
		"PortNegative":   {body: map[string]any{"email_port": -1}, want: "email_port"},
		"PortFraction":   {body: map[string]any{"email_port": 25.5}, want: "email_port"},
		"PortWord":       {body: map[string]any{"email_port": "smtp"}, want: "email_port"},
		"PortBool":       {body: map[string]any{"email_port": true}, want: "email_port"},
		"MailHost":       {body: map[string]any{"email_host": "smtp.example.org:25"}, want: "email_host"},
		"MailHostMapped": {body: map[string]any{"email_host": "::ffff:192.0.2.1"}, want: "email_host"},
		"From":           {body: map[string]any{"from_email": "support"}, want: "from_email"},
		"UserControl":    {body: map[string]any{"email_host_user": "a\nb"}, want: "email_host_user"},
		"UserLong":       {body: map[string]any{"email_host_user": strings.Repeat("a", 255)}, want: "email_host_user"},
		"PasswordAlone":  {body: map[string]any{"email_host_user": "", "email_host_password": "p"}, want: "email_host_user"},
		"PasswordLong":   {body: map[string]any{"email_host_password": strings.Repeat("p", 4097)}, want: "email_host_password"},
		"PasswordList":   {body: map[string]any{"email_host_password": []any{}}, want: "email_host_password"},
		"LoginThree":     {body: map[string]any{"authentication": 3}, want: "authentication"},
		"LoginWord":      {body: map[string]any{"authentication": "enabled"}, want: "authentication"},
		"LoginEmpty":     {body: map[string]any{"authentication": ""}, want: "authentication"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, http.MethodPut, domainPath(org, slug), tc.body).want(t, http.StatusBadRequest)
			fields := slices.DeleteFunc(slices.Sorted(maps.Keys(got.json(t))), func(name string) bool { return name == "detail" })
			if diff := cmp.Diff([]string{tc.want}, fields); diff != "" {
				t.Errorf("fields: -want, +got:\n%s\n%s", diff, got.body)
			}
			if strings.Contains(string(got.body), strings.Split(good.key, "\n")[1]) {
				t.Error("the answer has the private key in it")
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
}

// newAuthorityText is the certificate of an authority that has signed nothing.
func newAuthorityText(t *testing.T) string {
	t.Helper()
	return chainText(newAuthority(t).certificate)
}

// TestBadNewDomains does so for what only a new domain can have wrong.
func TestBadNewDomains(t *testing.T) {
	org, key, slug := newSite(t, "badnew")
	other, otherKey := organization(t)
	host := slug + ".example.org"
	call(t, key, http.MethodPost, domainsPath(org), map[string]any{"domain": host}).want(t, http.StatusCreated)
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": "x" + slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	before := world(t, org)
	unsigned := newAuthority(t).pair(t, "new-"+host)
	cases := map[string]struct {
		path, token string
		body        map[string]any
		want        string
	}{
		"Nothing":       {body: map[string]any{"slug": ""}, want: "domain"},
		"Taken":         {body: map[string]any{"domain": host, "slug": slug}, want: "domain"},
		"TakenByOther":  {body: map[string]any{"domain": host, "slug": "x" + slug}, want: "domain"},
		"TakenAnyCase":  {body: map[string]any{"domain": strings.ToUpper(host), "slug": slug}, want: "domain"},
		"OfTheBase":     {body: map[string]any{"domain": "new." + baseDomain, "slug": slug}, want: "domain"},
		"DefaultOfElse": {body: map[string]any{"domain": slug + "." + baseDomain, "slug": "x" + slug}, want: "domain"},
		"UnknownSlug":   {body: map[string]any{"domain": "new-" + host, "slug": "nobody"}, want: "slug"},
		"BadSlug":       {body: map[string]any{"domain": "new-" + host, "slug": "No Body"}, want: "slug"},
		"WhichApp":      {body: map[string]any{"domain": "www." + host}, want: "slug"},
		"NoKey":         {body: map[string]any{"domain": "new-" + host, "slug": slug, "ssl_certificate": unsigned.chain}, want: "ssl_certificate_key"},
		"OtherName":     {body: with(unsigned.body(), map[string]any{"domain": "newer-" + host, "slug": slug}), want: "ssl_certificate"},
		"NoApp":         {path: domainsPath(other), token: otherKey, body: map[string]any{"domain": "new-" + host}, want: "slug"},
		"SlugOfOther":   {path: domainsPath(other), token: otherKey, body: map[string]any{"domain": "new-" + host, "slug": slug}, want: "slug"},
		"Anywhere":      {path: "/api/domains/", token: suite.host, body: map[string]any{"domain": "new-" + host}, want: "slug"},
		"AnywhereSlug":  {path: "/api/domains/", token: suite.host, body: map[string]any{"domain": "new-" + host, "slug": "nobody"}, want: "slug"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.path == "" {
				tc.path, tc.token = domainsPath(org), key
			}
			got := call(t, tc.token, http.MethodPost, tc.path, tc.body).want(t, http.StatusBadRequest).json(t)
			delete(got, "detail")
			if diff := cmp.Diff([]string{tc.want}, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("fields: -want, +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, world(t, org)); diff != "" {
				t.Errorf("it wrote: -before, +after:\n%s", diff)
			}
		})
	}
	if got := world(t, other); len(got) > 0 {
		t.Errorf("it wrote elsewhere: %v", got)
	}
	for _, path := range []string{domainPath(org, "nobody"), domainPath(org, "nobody."+host)} {
		call(t, key, http.MethodPut, path, map[string]any{"domain": 1}).want(t, http.StatusNotFound)
		call(t, key, http.MethodPost, path+"newcert/?algorithm=dsa", nil).want(t, http.StatusNotFound)
		call(t, key, http.MethodPost, path+"test-email/", nil).want(t, http.StatusNotFound)
		call(t, key, http.MethodDelete, path+"certificates/", nil).want(t, http.StatusNotFound)
	}
}
