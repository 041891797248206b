// Package testsign makes keys for tests of what a release signs.
package testsign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// NewKey writes a new key of the kind that releases are signed with into a file of the test, and returns the one to verify with.
func NewKey(t *testing.T) (file string, public *ecdsa.PublicKey) {
	t.Helper()
	private := Generate(t, elliptic.P256())
	return WriteFile(t, PKCS8(t, private)), &private.PublicKey
}

// Generate makes a key on a curve.
func Generate(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// PKCS8 is a key of any kind in PEM.
func PKCS8(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// WriteFile writes a file of the test that nobody else may read, and returns its path.
func WriteFile(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
