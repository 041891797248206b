package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority is a certificate authority of a test's own, as a customer would have his certificates from: a root and, below it, what signs.
type authority struct {
	// file holds the root.
	file string
	// signer signs with key.
	signer *x509.Certificate
	key    crypto.Signer
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	rootKey, key := newKey(t), newKey(t)
	root := template(name + " root")
	intermediate := template(name)
	for _, c := range []*x509.Certificate{root, intermediate} {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	}
	root = sign(t, root, root, rootKey.Public(), rootKey)
	file := filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(file, []byte(certificatePEM(root)), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{file: file, signer: sign(t, intermediate, root, key.Public(), rootKey), key: key}
}

// issue signs a certificate for a host and a public key, once change, if not nil, had its way with it. It returns the chain, PEM.
func (a *authority) issue(t *testing.T, host string, public crypto.PublicKey, change func(*x509.Certificate)) string {
	t.Helper()
	leaf := template(host)
	leaf.DNSNames, leaf.KeyUsage = []string{host}, x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if change != nil {
		change(leaf)
	}
	return certificatePEM(sign(t, leaf, a.signer, public, a.key)) + certificatePEM(a.signer)
}

// answer signs what a certificate request asks for, for its one host, and returns the chain and the request's public key.
func (a *authority) answer(t *testing.T, csr string) (chain string, public crypto.PublicKey) {
	t.Helper()
	block, _ := pem.Decode([]byte(csr))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		t.Fatalf("no certificate request: %q", csr)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	if len(request.DNSNames) != 1 {
		t.Fatalf("the request is for %q", request.DNSNames)
	}
	return a.issue(t, request.DNSNames[0], request.PublicKey, nil), request.PublicKey
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		BasicConstraintsValid: true,
	}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of a template, with a serial number of its own.
func sign(t *testing.T, c, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	var err error
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64)); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func certificatePEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
