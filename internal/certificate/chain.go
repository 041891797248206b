// Package certificate reads TLS certificates and private keys as people hand them in, and says in words for a person what is wrong with
// them. Nothing that it says tells anything of a private key.
package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxNames is how many of a certificate's names a message lists.
const maxNames = 5

// Problem is what is wrong with a certificate or a key: a sentence for whoever handed it in.
type Problem string //nolint:errname // It is said to people, and not passed on as a failure.

// Error returns the sentence.
func (p Problem) Error() string { return string(p) }

func problem(format string, args ...any) error { return Problem(fmt.Sprintf(format, args...)) }

// Chain is certificates. As a server sends them, they are a leaf followed by the certificates of its issuers, each signed by the next; the root may be
// left out. As they are read, they are in any order: Arrange brings them into that one.
type Chain []*x509.Certificate

// Leaf is the first certificate: in a chain that is in order, the one that is served for the host itself.
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
func (c Chain) IsFor(public crypto.PublicKey) bool { return EqualKeys(c.Leaf().PublicKey, public) }

// Has reports whether one of the certificates is for the private key that has this public half.
func (c Chain) Has(public crypto.PublicKey) bool {
	return slices.ContainsFunc(c, func(certificate *x509.Certificate) bool { return EqualKeys(certificate.PublicKey, public) })
}

// Covers tells whether clients take the leaf for a host's by its names.
func (c Chain) Covers(host string) bool { return c.Leaf().VerifyHostname(host) == nil }

// tooWeak are the algorithms of signatures that can be forged, or that nobody takes any more.
var tooWeak = []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}

// checkSignature tells whether clients take what a certificate is signed with. That of a root doesn't matter: they have it by itself.
func checkSignature(m member) error {
	root := isRoot(m.Certificate) && (m.IsCA || m.Version < 3)
	if root || !slices.Contains(tooWeak, m.SignatureAlgorithm) {
		return nil
	}
	return problem("%s is signed with %s, which is too weak.", m.title(), m.SignatureAlgorithm)
}

// outdated says how a certificate is not valid at a time; nil if it is.
func outdated(m member, now time.Time) error {
	switch {
	case now.After(m.NotAfter):
		return problem("%s expired on %s.", m.title(), m.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(m.NotBefore):
		return problem("%s is not valid before %s.", m.title(), m.NotBefore.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// checkLeaf tells whether clients take the leaf for the host's.
func (a *arrangement) checkLeaf(leaf member) error {
	uses := leaf.ExtKeyUsage
	switch {
	case a.covers(leaf):
	case len(leaf.DNSNames) == 0 && leaf.IsCA:
		return problem("%s is that of an authority. Send the certificate for %s too.", leaf.title(), a.host)
	case len(leaf.DNSNames) == 0:
		return problem("The certificate does not cover %s: it has no DNS name.", a.host)
	default:
		names := strings.Join(leaf.DNSNames[:min(maxNames, len(leaf.DNSNames))], ", ")
		if len(leaf.DNSNames) > maxNames {
			names += " and others"
		}
		return problem("The certificate does not cover %s but %s.", a.host, names)
	}
	if len(uses)+len(leaf.UnknownExtKeyUsage) > 0 && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		return problem("The certificate is not for servers: its extended key usage lacks serverAuth.")
	}
	return outdated(leaf, a.now)
}

// name is what a certificate is told from others by.
func name(c *x509.Certificate) string {
	subject := c.Subject.String()
	if subject == "" && len(c.DNSNames) > 0 {
		subject = c.DNSNames[0]
	}
	return nameOf(subject)
}

func nameOf(subject string) string {
	if subject == "" {
		return "no subject"
	}
	return quotable(subject)
}
