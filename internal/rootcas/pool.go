package rootcas

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// With returns the certificate authorities that the system trusts and those of a PEM text, which may be empty. The error says that the text holds no
// certificate, or that the system's authorities can't be read.
func With(more []byte) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if len(more) > 0 && !roots.AppendCertsFromPEM(more) {
		return nil, errors.New("they hold no certificate in PEM")
	}
	return roots, nil
}
