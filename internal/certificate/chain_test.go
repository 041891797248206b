package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

func TestArrangeChecks(t *testing.T) {
	root := authority(t, nil, "root")
	middle := authority(t, root, "middle")
	leaf := issue(t, middle, nil)
	template := func(change func(*x509.Certificate)) Chain {
		changed := issue(t, middle, func(c *x509.Certificate, _ *crypto.Signer) { change(c) })
		return Chain{changed.Certificate, middle.Certificate}
	}
	weak := issue(t, middle, func(_ *x509.Certificate, key *crypto.Signer) { *key = weakKey(t) })
	p224 := issue(t, middle, func(_ *x509.Certificate, key *crypto.Signer) {
		*key = mustKey(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	})
	expired := issue(t, root, func(c *x509.Certificate, _ *crypto.Signer) {
		c.IsCA, c.KeyUsage, c.NotAfter = true, x509.KeyUsageCertSign, now.Add(-time.Minute)
	})
	oldSignature, oldRoot := sha1(t, leaf, middle), sha1(t, root, root)
	cases := map[string]struct {
		reason string
		chain  Chain
		want   string
	}{
		"Whole":      {chain: Chain{leaf.Certificate, middle.Certificate, root.Certificate}},
		"NoRoot":     {reason: "Clients have the root.", chain: Chain{leaf.Certificate, middle.Certificate}},
		"SelfSigned": {reason: "Who signed is the visitors' to judge.", chain: Chain{issue(t, nil, nil).Certificate}},
		"Wildcard":   {chain: template(func(c *x509.Certificate) { c.DNSNames = []string{"*.example.com"} })},
		"ServerAuth": {chain: template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
		"OtherName": {
			chain: template(func(c *x509.Certificate) { c.DNSNames = []string{"a.example.com", "b.example.com"} }),
			want:  "does not cover www.example.com but a.example.com, b.example.com",
		},
		"CommonName": {reason: "Browsers don't read it.", chain: template(func(c *x509.Certificate) { c.DNSNames = nil }), want: "has no DNS name"},
		"ManyNames": {
			chain: template(func(c *x509.Certificate) { c.DNSNames = strings.Split(strings.Repeat("a.example.com ", 9)+"a", " ") }),
			want:  "a.example.com and others",
		},
		"Expired":       {chain: template(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), want: "expired on 2026-06-01T11:59:59Z"},
		"ExpiredIssuer": {chain: Chain{issue(t, expired, nil).Certificate, expired.Certificate}, want: "Certificate 2"},
		"NotYet":        {chain: template(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }), want: "not valid before 2026-06-01T12:00:01Z"},
		"SHA1":          {reason: "Clients refuse it.", chain: Chain{oldSignature.Certificate}, want: "signed with ECDSA-SHA1"},
		"SHA1Root":      {reason: "Clients have it by itself.", chain: Chain{issue(t, oldRoot, nil).Certificate, oldRoot.Certificate}},
		"HugeIssuer": {
			reason: "The key is looked at before it is used to verify, which would take minutes.",
			chain:  Chain{leaf.Certificate, hugeKey(t, middle.Certificate)}, want: "Certificate 2 (CN=middle): The key is RSA with 400001 bits",
		},
		"ShortRSA":        {chain: Chain{weak.Certificate, middle.Certificate}, want: "Certificate 1 (CN=www.example.com): The key is RSA with 1024 bits"},
		"ShortCurve":      {chain: Chain{p224.Certificate, middle.Certificate}, want: "curve P-224"},
		"ForClientsAlone": {chain: template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), want: "lacks serverAuth"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := tc.chain.Arrange(host, nil, now)
			wantProblem(t, err, tc.want)
		})
	}
}

func TestIsFor(t *testing.T) {
	one, other := issue(t, nil, nil), issue(t, nil, nil)
	chain := Chain{one.Certificate}
	if !chain.IsFor(one.key.Public()) || chain.IsFor(other.key.Public()) || chain.IsFor(nil) {
		t.Error("IsFor: the chain is for its own key and no other")
	}
}
