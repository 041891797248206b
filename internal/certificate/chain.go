// Package certificate reads TLS certificates and private keys as people hand them in, and says in words for a person what is wrong with
// them. Nothing that it says tells anything of a private key.
package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// maxCertificates is how many a chain may have; public ones have two to four.
	maxCertificates = 10
	// maxText is the length of a chain, in bytes of PEM: far more than a TLS handshake could carry.
	maxText = 64 << 10
	// maxNames is how many of a certificate's names a message lists.
	maxNames = 5
)

const blockCertificate = "CERTIFICATE"

// Problem is what is wrong with a certificate or a key: a sentence for whoever handed it in.
type Problem string //nolint:errname // It is said to people, and not passed on as a failure.

// Error returns the sentence.
func (p Problem) Error() string { return string(p) }

func problem(format string, args ...any) error { return Problem(fmt.Sprintf(format, args...)) }

// Chain is a certificate, the leaf, followed by those of its issuers, each signed by the next. The root may be left out.
type Chain []*x509.Certificate

// ParseChain reads the certificates of a PEM text in their order; text around them is skipped. The error is a Problem.
func ParseChain(text []byte) (Chain, error) {
	if len(text) > maxText {
		return nil, problem("It has %d bytes; a chain has at most %d.", len(text), maxText)
	}
	var chain Chain
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != blockCertificate {
			return nil, problem("It holds a block %q; a chain holds blocks %q alone.", block.Type, blockCertificate)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, problem("Certificate %d can't be read: it is damaged.", len(chain)+1)
		}
		chain = append(chain, c)
	}
	return chain, checkWhole(chain, text)
}

// checkWhole tells what a text had, of which certificates were found and a rest was not.
func checkWhole(chain Chain, rest []byte) error {
	switch {
	case isCut(rest):
		return problem("Certificate %d is cut off.", len(chain)+1)
	case len(chain) == 0:
		return problem("It is not PEM: it has no block %q.", blockCertificate)
	case len(chain) > maxCertificates:
		return problem("It holds %d certificates; a chain has at most %d.", len(chain), maxCertificates)
	default:
		return nil
	}
}

// isCut tells whether what is left of a PEM text is the beginning of a block.
func isCut(rest []byte) bool { return bytes.Contains(rest, []byte("-----BEGIN")) }

// Leaf is the certificate that is served for the host itself.
func (c Chain) Leaf() *x509.Certificate { return c[0] }

// PEM is the chain as text, with nothing around the certificates.
func (c Chain) PEM() []byte {
	var text bytes.Buffer
	for _, certificate := range c {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: certificate.Raw}))
	}
	return text.Bytes()
}

// Equal tells whether two chains hold the same certificates in the same order.
func (c Chain) Equal(other Chain) bool { return slices.EqualFunc(c, other, (*x509.Certificate).Equal) }

// IsFor tells whether the leaf is for the private key that has this public half.
func (c Chain) IsFor(public crypto.PublicKey) bool {
	key, ok := c.Leaf().PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(public)
}

// Covers tells whether clients take the leaf for a host's by its names.
func (c Chain) Covers(host string) bool { return c.Leaf().VerifyHostname(host) == nil }

// Check tells whether the chain can be served for a host: it is in order, strong enough, covers the name and is valid at this time. Who
// signed the last certificate is not asked: it may be an authority that only the host's own visitors trust. The error is a Problem.
func (c Chain) Check(host string, now time.Time) error {
	// The keys come first: to verify a signature by one that is far too large would take long.
	for i, certificate := range c {
		if err := checkStrength(certificate.PublicKey); err != nil {
			return problem("Certificate %d: %s", i+1, err)
		}
	}
	if err := c.checkOrder(); err != nil {
		return err
	}
	for i, certificate := range c {
		if err := checkSignature(i+1, certificate); err != nil {
			return err
		}
		if err := checkTime(i+1, certificate, now); err != nil {
			return err
		}
	}
	return c.checkUse(host)
}

// tooWeak are the algorithms of signatures that can be forged, or that nobody takes any more.
var tooWeak = []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}

// checkSignature tells whether clients take what a certificate is signed with. That of a root doesn't matter: they have it by itself.
func checkSignature(number int, certificate *x509.Certificate) error {
	root := certificate.IsCA && bytes.Equal(certificate.RawIssuer, certificate.RawSubject)
	if root || !slices.Contains(tooWeak, certificate.SignatureAlgorithm) {
		return nil
	}
	return problem("Certificate %d is signed with %s, which is too weak.", number, certificate.SignatureAlgorithm)
}

func (c Chain) checkOrder() error {
	for i := range len(c) - 1 {
		err := c[i].CheckSignatureFrom(c[i+1])
		if errors.As(err, new(x509.InsecureAlgorithmError)) {
			continue // It is in order as far as can be told; checkSignature refuses it.
		}
		if err != nil {
			return problem("The chain is out of order: certificate %d (%s) is not signed by certificate %d (%s).",
				i+1, name(c[i]), i+2, name(c[i+1]))
		}
	}
	return nil
}

func checkTime(number int, certificate *x509.Certificate, now time.Time) error {
	switch {
	case now.After(certificate.NotAfter):
		return problem("Certificate %d (%s) expired on %s.", number, name(certificate), certificate.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(certificate.NotBefore):
		return problem("Certificate %d (%s) is not valid before %s.", number, name(certificate), certificate.NotBefore.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// checkUse tells whether clients take the leaf for a host's.
func (c Chain) checkUse(host string) error {
	leaf := c.Leaf()
	uses := leaf.ExtKeyUsage
	if len(uses)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		return problem("The certificate is not for servers: its extended key usage lacks serverAuth.")
	}
	if c.Covers(host) {
		return nil
	}
	if len(leaf.DNSNames) == 0 {
		return problem("The certificate does not cover %s: it has no DNS name.", host)
	}
	names := strings.Join(leaf.DNSNames[:min(maxNames, len(leaf.DNSNames))], ", ")
	if len(leaf.DNSNames) > maxNames {
		names += " and others"
	}
	return problem("The certificate does not cover %s but %s.", host, names)
}

// name is what a certificate is told from others by.
func name(c *x509.Certificate) string {
	const longest = 100
	subject := []rune(c.Subject.String())
	if len(subject) > longest {
		subject = append(subject[:longest], '…')
	}
	return string(subject)
}
