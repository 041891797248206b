package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

const host = "www.example.com"

// now is when the tests take place.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issued is a certificate with the key that it is for.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

// issue makes a certificate for the host, signed by parent, or by itself if that is nil.
func issue(t *testing.T, parent *issued, change func(template *x509.Certificate, key *crypto.Signer)) *issued {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := crypto.Signer(ec)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), BasicConstraintsValid: true,
	}
	if change != nil {
		change(template, &key)
	}
	signer := &issued{Certificate: template, key: key}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Certificate, key.Public(), signer.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{Certificate: c, key: key}
}

func authority(t *testing.T, parent *issued, name string) *issued {
	t.Helper()
	return issue(t, parent, func(template *x509.Certificate, _ *crypto.Signer) {
		template.Subject.CommonName, template.DNSNames = name, nil
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	})
}

// smallRSA is a key that is too short, made once since that takes a while.
var smallRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 1024) })

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

func TestParseKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(long)})
	sec1DER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1DER})
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	certificate := issue(t, nil, nil)
	cases := map[string]struct {
		text []byte
		key  crypto.Signer
		want string
	}{
		"PKCS8":          {text: encode(t, ec), key: ec},
		"PKCS1":          {text: pkcs1, key: long},
		"SEC1":           {text: sec1, key: ec},
		"WithParameters": {text: append(bytes.Clone(parameters), sec1...), key: ec},
		"Ed25519":        {text: encode(t, ed), key: ed},
		"Empty":          {want: "not PEM"},
		"CutOff":         {text: sec1[:60], want: "cut off"},
		"Three":          {text: bytes.Repeat(sec1, 3), want: "3 blocks"},
		"Certificate":    {text: (Chain{certificate.Certificate}).PEM(), want: `a block "CERTIFICATE"`},
		"Damaged":        {text: pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: sec1DER[:20]}), want: "damaged"},
		"Encrypted":      {text: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sec1DER}), want: "encrypted"},
		"OldEncryption": {
			text: pem.EncodeToMemory(&pem.Block{
				Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: sec1DER,
			}),
			want: "encrypted",
		},
		"ShortRSA": {text: encode(t, weakKey(t)), want: "1024 bits"},
		"TooLong":  {text: bytes.Repeat([]byte("x"), 1<<20), want: "1048576 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseKey(tc.text)
			wantProblem(t, err, tc.want)
			if tc.want == "" && !(Chain{{PublicKey: tc.key.Public()}}).IsFor(got.Public()) {
				t.Error("got another key")
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

func TestNewRequest(t *testing.T) {
	long := strings.Repeat("a.", 40) + "example.com"
	cases := map[string]struct {
		algorithm  Algorithm
		host       string
		commonName string
		public     x509.PublicKeyAlgorithm
	}{
		"RSA":      {algorithm: RSA, host: host, commonName: host, public: x509.RSA},
		"ECDSA":    {algorithm: ECDSA, host: host, commonName: host, public: x509.ECDSA},
		"LongHost": {algorithm: ECDSA, host: long, public: x509.ECDSA},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, err := NewKey(tc.algorithm)
			if err != nil {
				t.Fatal(err)
			}
			text, err := NewRequest(key, tc.host)
			if err != nil {
				t.Fatal(err)
			}
			block, rest := pem.Decode(text)
			if block == nil || len(rest) > 0 {
				t.Fatalf("not one block of PEM: %s", text)
			}
			request, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.CheckSignature(); err != nil {
				t.Error(err)
			}
			if request.Subject.CommonName != tc.commonName || len(request.DNSNames) != 1 || request.DNSNames[0] != tc.host || request.PublicKeyAlgorithm != tc.public {
				t.Errorf("got a request of %q for %q by %s", request.Subject.CommonName, request.DNSNames, request.PublicKeyAlgorithm)
			}
		})
	}
	if _, err := NewKey("dsa"); err == nil {
		t.Error("NewKey made a key of an unknown algorithm")
	}
}

// wantProblem fails the test unless err is a Problem with these words in it, or nil if there are none.
func wantProblem(t *testing.T, err error, words string) {
	t.Helper()
	if words == "" {
		if err != nil {
			t.Errorf("got %q, want nothing to be wrong", err)
		}
		return
	}
	p, ok := errors.AsType[Problem](err)
	if !ok || !strings.Contains(p.Error(), words) {
		t.Errorf("got %v, want a Problem that says %q", err, words)
	}
}

// sha1 returns a certificate as if it had been signed with SHA-1, which nothing here does any more: only its algorithm is another.
func sha1(t *testing.T, c, parent *issued) *issued {
	t.Helper()
	old := *c.Certificate
	old.SignatureAlgorithm = x509.ECDSAWithSHA1
	if !bytes.Equal(old.RawIssuer, parent.RawSubject) {
		t.Fatalf("%s is not issued by %s", old.Subject, parent.Subject)
	}
	return &issued{Certificate: &old, key: c.key}
}

// hugeKey returns a certificate as if it were for an RSA key that no computer works with.
func hugeKey(t *testing.T, c *x509.Certificate) *x509.Certificate {
	t.Helper()
	huge := *c
	huge.PublicKey = &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 400_000, 1), E: 65537}
	huge.PublicKeyAlgorithm = x509.RSA
	return &huge
}

func weakKey(t *testing.T) crypto.Signer {
	t.Helper()
	return mustKey(smallRSA())
}

func mustKey[K crypto.Signer](key K, err error) crypto.Signer {
	if err != nil {
		panic(err)
	}
	return key
}

func encode(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	text, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
