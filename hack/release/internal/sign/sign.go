// Package sign signs what is released with a key of whoever releases, so that cosign and openssl verify it.
package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Key is a private key for signatures.
type Key struct {
	private *ecdsa.PrivateKey
}

// errKey says which keys can be used; nothing of the file's content is in it.
var errKey = errors.New("it is not a PKCS #8 key for ECDSA on the curve P-256, in PEM and without a password, as `openssl genpkey -algorithm EC " +
	"-pkeyopt ec_paramgen_curve:P-256` makes")

// Load reads a key from a file.
func Load(file string) (*Key, error) {
	content, err := os.ReadFile(file) //nolint:gosec // Whoever releases names the file.
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, rest := pem.Decode(content)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, fmt.Errorf("signing key %s: %w", file, errKey)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", file, errKey)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, fmt.Errorf("signing key %s: %w", file, errKey)
	}
	return &Key{private: private}, nil
}

// Sign returns the signature of the SHA-256 of a content: ECDSA in ASN.1, as base64. The same content has the same signature (RFC 6979), so that a
// release can be pushed again.
func (k *Key) Sign(content []byte) (string, error) {
	sum := sha256.Sum256(content)
	signature, err := k.private.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// Payload returns what is signed of an image: the form "simple signing" that container tools share. The digest is that of its manifest, and the
// repository, without a tag, where it is published.
func Payload(repository, digest string) ([]byte, error) {
	var p struct {
		Critical struct {
			Identity struct {
				Reference string `json:"docker-reference"`
			} `json:"identity"`
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
		Optional map[string]string `json:"optional"`
	}
	p.Critical.Identity.Reference, p.Critical.Image.Digest = repository, digest
	p.Critical.Type = "cosign container image signature"
	return json.Marshal(p)
}
