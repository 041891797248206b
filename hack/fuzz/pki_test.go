package fuzz

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/berth-dev/berth/internal/certificate"
)

// pair is a certificate for a host with its private key, as clients send them.
type pair struct{ host, chain, key string }

// newPair makes a certificate that is its own authority.
func newPair(host string, end time.Time) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair{}, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return pair{}, err
	}
	text, err := certificate.EncodeKey(key)
	return pair{host: host, chain: string(certificate.Chain{made}.PEM()), key: string(text)}, err
}

// newPairs makes pairs for hosts, one of which has expired.
func newPairs(hosts ...string) ([]pair, error) {
	pairs := make([]pair, 0, len(hosts)+1)
	for i, host := range append(hosts, hosts[0]) {
		end := time.Now().Add(24 * time.Hour)
		if i == len(hosts) {
			end = time.Now().Add(-time.Hour)
		}
		p, err := newPair(host, end)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// writeCertificate writes a new certificate for a name and its key into dir.
func writeCertificate(dir, name string) (*x509.CertPool, error) {
	p, err := newPair(name, time.Now().Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	for file, content := range map[string]string{"tls.crt": p.chain, "tls.key": p.key} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(p.chain))
	return pool, nil
}
