package facade

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/certificate"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// pair is a certificate chain and its private key, as clients send them.
type pair struct{ chain, key string }

// body is what sends the pair.
func (p pair) body() map[string]any {
	return map[string]any{"ssl_certificate": p.chain, "ssl_certificate_key": p.key}
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newPrivateKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return authority{certificate: signed(t, template, template, key.Public(), key), key: key}
}

func newPrivateKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signed(t *testing.T, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// pair makes a new key and a certificate of it for a host.
func (a authority) pair(t *testing.T, host string, changes ...func(*x509.Certificate)) pair {
	t.Helper()
	key := newPrivateKey(t)
	return pair{chain: a.chain(t, host, key.Public(), changes...), key: keyText(t, key)}
}

// chain makes a certificate of a key for a host, followed by the authority's.
func (a authority) chain(t *testing.T, host string, public crypto.PublicKey, changes ...func(*x509.Certificate)) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, change := range changes {
		change(template)
	}
	return chainText(signed(t, template, a.certificate, public, a.key), a.certificate)
}

// sign makes a certificate as an authority does that gets a signing request, for the name that the request asks for.
func (a authority) sign(t *testing.T, csr string) string {
	t.Helper()
	block, rest := pem.Decode([]byte(csr))
	if block == nil || len(rest) > 0 {
		t.Fatalf("the signing request is not PEM: %q", csr)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	if len(request.DNSNames) != 1 || request.Subject.CommonName != request.DNSNames[0] {
		t.Fatalf("the signing request is for %v, named %s", request.DNSNames, request.Subject.CommonName)
	}
	return a.chain(t, request.DNSNames[0], request.PublicKey)
}

func chainText(certificates ...*x509.Certificate) string {
	return string(certificate.Chain(certificates).PEM())
}

// certificatesOf are the certificates of a chain, each a text of its own.
func certificatesOf(chain string) []string {
	const end = "-----END CERTIFICATE-----\n"
	return strings.SplitAfter(strings.TrimSuffix(chain, "\n")+"\n", end)[:strings.Count(chain, end)]
}

func keyText(t *testing.T, key crypto.Signer) string {
	t.Helper()
	text, err := certificate.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// writeCertificate writes a new self-signed certificate for a name or an IP address and its key into dir.
func writeCertificate(dir, name string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		DNSNames:     []string{name},
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, content := range map[string][]byte{
		"tls.crt": certificate,
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			return nil, err
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool, nil
}
