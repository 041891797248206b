package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"strings"
)

// Sizes of RSA keys in bits: browsers take none below the first (CA/Browser Forum, Baseline Requirements 6.1.5), and a handshake with one
// above the second takes a server too long.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxKeyText is the length of a private key, in bytes of PEM. The largest RSA key has less than half of it; to look at a far larger one would
// take long.
const maxKeyText = 16 << 10

// maxCommonName is the length of a common name (RFC 5280, ub-common-name).
const maxCommonName = 64

// Blocks of PEM.
const (
	blockKey     = "PRIVATE KEY"
	blockRequest = "CERTIFICATE REQUEST"
	// blockParameters stands before the key in what `openssl ecparam -genkey` writes, and says nothing that the key doesn't.
	blockParameters = "EC PARAMETERS"
)

// Algorithm is what kind of key to make.
type Algorithm string

const (
	// RSA makes a key of 2048 bits, which every client and every authority takes.
	RSA Algorithm = "rsa"
	// ECDSA makes a key on the curve P-256.
	ECDSA Algorithm = "ecdsa"
)

// ParseKey reads the one private key of a PEM text: PKCS #8, PKCS #1 or SEC 1. The error is a Problem.
func ParseKey(text []byte) (crypto.Signer, error) {
	if len(text) > maxKeyText {
		return nil, problem("It has %d bytes; a key has at most %d.", len(text), maxKeyText)
	}
	var keys []*pem.Block
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != blockParameters {
			keys = append(keys, block)
		}
	}
	switch {
	case isCut(text):
		return nil, problem("The private key is cut off.")
	case len(keys) == 0:
		return nil, problem("It is not PEM: it has no block %q.", blockKey)
	case len(keys) > 1:
		return nil, problem("It holds %d blocks; one private key is wanted.", len(keys))
	}
	return parseKey(keys[0])
}

func parseKey(block *pem.Block) (crypto.Signer, error) {
	if strings.HasPrefix(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, problem("The private key is encrypted; one without a passphrase is wanted.")
	}
	if !strings.HasSuffix(block.Type, blockKey) {
		return nil, problem("It holds a block %q; one private key is wanted.", block.Type)
	}
	key, err := decodeKey(block)
	if err != nil {
		return nil, problem("The private key can't be read: it is damaged or of an unknown kind.") // What the parser says may quote it.
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, problem("The private key is of a kind that can't sign.")
	}
	return signer, checkStrength(signer.Public())
}

func decodeKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "RSA " + blockKey:
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC " + blockKey:
		return x509.ParseECPrivateKey(block.Bytes)
	default:
		return x509.ParsePKCS8PrivateKey(block.Bytes)
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
		return problem("The key is of a kind that can't be served; RSA, ECDSA and Ed25519 can.")
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

// NewRequest makes a certificate signing request for a host, as PEM. The host is the common name too, unless it is too long for one.
func NewRequest(key crypto.Signer, host string) ([]byte, error) {
	template := &x509.CertificateRequest{DNSNames: []string{host}}
	if len(host) <= maxCommonName {
		template.Subject = pkix.Name{CommonName: host}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: der}), nil
}
