package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
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
		"OutOfOrder": {
			chain: Chain{leaf.Certificate, root.Certificate, middle.Certificate},
			want:  "certificate 1 (CN=www.example.com) is not signed by certificate 2 (CN=root)",
		},
		"LeafLast": {chain: Chain{middle.Certificate, leaf.Certificate}, want: "out of order"},
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
			chain:  Chain{leaf.Certificate, hugeKey(t, middle.Certificate)}, want: "Certificate 2: The key is RSA with 400001 bits",
		},
		"ShortRSA":        {chain: Chain{weak.Certificate, middle.Certificate}, want: "Certificate 1: The key is RSA with 1024 bits"},
		"ShortCurve":      {chain: Chain{p224.Certificate, middle.Certificate}, want: "curve P-224"},
		"ForClientsAlone": {chain: template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), want: "lacks serverAuth"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { wantProblem(t, tc.chain.Check(host, now), tc.want) })
	}
}

func TestParseChain(t *testing.T) {
	root := authority(t, nil, "root")
	leaf := issue(t, root, nil)
	chain := Chain{leaf.Certificate, root.Certificate}
	text, key := chain.PEM(), encode(t, leaf.key)
	cases := map[string]struct {
		text []byte
		want string
	}{
		"Chain":        {text: text},
		"TextAround":   {text: []byte("subject: me\n" + string(text) + "\nthat was it\n")},
		"CarriageFeed": {text: bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))},
		"Empty":        {want: "not PEM"},
		"DER":          {text: leaf.Raw, want: "not PEM"},
		"CutOff":       {text: text[:len(text)-40], want: "Certificate 2 is cut off."},
		"CutOffFirst":  {text: text[:100], want: "Certificate 1 is cut off."},
		"Damaged":      {text: pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: leaf.Raw[:99]}), want: "Certificate 1 can't be read"},
		"WithKey":      {text: append(bytes.Clone(text), key...), want: `a block "PRIVATE KEY"`},
		"TooMany":      {text: bytes.Repeat(chain[:1].PEM(), maxCertificates+1), want: "11 certificates"},
		"TooLong":      {text: bytes.Repeat([]byte("x"), 1<<20), want: "1048576 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseChain(tc.text)
			wantProblem(t, err, tc.want)
			if tc.want == "" && !got.Equal(chain) {
				t.Errorf("got %d certificates that are not those of the text", len(got))
			}
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
