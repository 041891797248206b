package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

const host = "www.example.com"

// now is when the tests take place, as clock says.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

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
