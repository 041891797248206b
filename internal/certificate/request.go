package certificate

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
)

// NewRequest returns a certificate signing request, as PEM, for a host and others that one certificate is to cover. The first host is also the common
// name, unless it is too long for one.
func NewRequest(key crypto.Signer, host string, others ...string) ([]byte, error) {
	template := &x509.CertificateRequest{DNSNames: append([]string{host}, others...)}
	if len(host) <= maxCommonName {
		template.Subject = pkix.Name{CommonName: host}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: der}), nil
}
