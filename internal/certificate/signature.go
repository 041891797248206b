package certificate

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
)

// hasSigned reports whether a certificate is signed by the key of another one.
//
// Signatures that Go can't verify, such as those with SHA-224, SHA-3 or an unusual salt of RSA-PSS, or that are too weak to prove anything, are taken
// for true if the key identifiers fit: that is how clients put a chain together.
func hasSigned(signer, signed *x509.Certificate) bool {
	err := x509.ErrUnsupportedAlgorithm
	if !slices.Contains(tooWeak, signed.SignatureAlgorithm) {
		err = signer.CheckSignature(signed.SignatureAlgorithm, signed.RawTBSCertificate, signed.Signature)
	}
	if !errors.Is(err, x509.ErrUnsupportedAlgorithm) {
		return err == nil
	}
	return fitKeys(signer, signed)
}

// fitKeys reports whether the key identifiers of two certificates allow that one has signed the other.
func fitKeys(signer, signed *x509.Certificate) bool {
	return len(signed.AuthorityKeyId) == 0 || len(signer.SubjectKeyId) == 0 || bytes.Equal(signed.AuthorityKeyId, signer.SubjectKeyId)
}

// isRoot reports whether a certificate is signed by its own key.
func isRoot(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && hasSigned(c, c)
}
