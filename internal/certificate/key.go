package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Sizes of RSA keys in bits: browsers take none below the first (CA/Browser Forum, Baseline Requirements 6.1.5), and a handshake with one
// above the second takes a server too long.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxKey is the length of a private key, in bytes of DER. The largest RSA key has less than half of it.
const maxKey = 12 << 10

var errLargeKey = problem("The private key is larger than any that is accepted.")

// maxCommonName is the length of a common name (RFC 5280, ub-common-name).
const maxCommonName = 64

// Algorithm is what kind of key to make.
type Algorithm string

const (
	// RSA makes a key of 2048 bits, which every client and every authority takes.
	RSA Algorithm = "rsa"
	// ECDSA makes a key on the curve P-256.
	ECDSA Algorithm = "ecdsa"
)

// parseKey reads a private key, whatever its label says of its form.
func parseKey(b block) (crypto.Signer, error) {
	key, err := parseAnyKey(b.der)
	if errors.Is(err, errLargeKey) {
		return nil, err
	}
	if err != nil {
		return nil, unreadableKey(b) // What the parser says may quote it.
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, problem("The private key is of a kind that can't sign. %s", supportedKeys)
	}
	return signer, checkStrength(signer.Public())
}

// parseAnyKey reads a private key in any of the forms PKCS #8, PKCS #1 and SEC 1.
func parseAnyKey(der []byte) (any, error) {
	if len(der) > maxKey { // To check a key of RSA takes time that grows with the cube of its length.
		return nil, errLargeKey
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParsePKCS8PrivateKey(der)
}

// unreadableKey says what a private key is that can't be read: nothing of it but its kind, if that is well known.
func unreadableKey(b block) error {
	k := kindOfDER(b.der)
	if known := algorithmOf(b.der); known != "" {
		return problem("The private key is %s, which is not supported. %s", known, supportedKeys)
	}
	switch {
	case strings.Contains(b.label, "DSA "+blockKey) && !strings.Contains(b.label, "ECDSA"):
		return problem("The private key is for DSA, which is not supported. %s", supportedKeys)
	case k == kindCertificate:
		return problem("The block %s holds a certificate instead of a private key.", blockKey)
	case k != kindUnknown && k != kindKey:
		return wrongKind(k)
	default:
		return problem("The private key can't be read: it is damaged or of an unknown kind. %s", supportedKeys)
	}
}

// checkStrength tells whether a key is strong enough, and of a kind that servers use.
func checkStrength(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return problem("The key is RSA with %d bits; %d to %d are wanted.", bits, minRSA, maxRSA)
		}
		return nil
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < elliptic.P256().Params().BitSize {
			return problem("The key is on the curve %s, which is too weak.", key.Curve.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	default:
		return problem("The key is of a kind that is not supported. %s", supportedKeys)
	}
}

// NewKey makes a private key.
func NewKey(algorithm Algorithm) (crypto.Signer, error) {
	switch algorithm {
	case RSA:
		return rsa.GenerateKey(rand.Reader, minRSA)
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fmt.Errorf("make a private key: unknown algorithm %q", algorithm)
	}
}

// EncodeKey writes a private key as PEM, in the form PKCS #8.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: der}), nil
}
