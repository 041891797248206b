// Package pki makes the certificate authorities, certificates and kubeconfigs of a cluster.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long certificates hold. Those that an authority issues are issued anew at every start.
const (
	authorityYears = 10
	leafYears      = 1
)

// Authority is a certificate authority whose files lie in a folder of the cluster.
type Authority struct {
	dir, name string
	cert      *x509.Certificate
	key       crypto.Signer
}

// OpenAuthority returns the authority name of the folder dir, made on first use as name.crt and name.key.
func OpenAuthority(dir, name string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(dir, name)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s: %w", name, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("certificate authority %s: a key that cannot sign", name)
	}
	return &Authority{dir: dir, name: name, cert: pair.Leaf, key: key}, nil
}

func newAuthority(dir, name string) (*Authority, error) {
	template, err := newTemplate(pkix.Name{CommonName: name}, authorityYears)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Authority{dir: dir, name: name, cert: cert, key: key}, writePair(dir, name, der, key)
}

// File is where the authority's certificate lies.
func (a *Authority) File() string { return filepath.Join(a.dir, a.name+".crt") }

// Subject is whom a certificate is for: a user and its groups towards the API server, or a server.
type Subject struct {
	User   string
	Groups []string
	// Hosts are names and addresses that the certificate serves; none for a client's.
	Hosts []string
}

// Issue writes name.crt and name.key beside the authority.
func (a *Authority) Issue(name string, s Subject) error {
	template, err := newTemplate(pkix.Name{CommonName: s.User, Organization: s.Groups}, leafYears)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, h := range s.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, h)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return writePair(a.dir, name, der, key)
}

// Kubeconfig issues a client certificate and writes name.kubeconfig beside the authority: all that is
// needed to be that user at server, an https URL whose certificate this authority issued.
func (a *Authority) Kubeconfig(name, server string, s Subject) (file string, err error) {
	if err := a.Issue(name, s); err != nil {
		return "", err
	}
	file = filepath.Join(a.dir, name+".kubeconfig")
	return file, a.WriteKubeconfig(file, name, server)
}

// NewKey writes a private key, with no certificate, to dir as name.key unless it is there.
func NewKey(dir, name string) error {
	file := filepath.Join(dir, name+".key")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKey(file, key)
}

func newTemplate(subject pkix.Name, years int) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour), // clocks of virtual machines jump
		NotAfter:     now.AddDate(years, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}

func writePair(dir, name string, der []byte, key *ecdsa.PrivateKey) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), text, 0o644); err != nil {
		return err
	}
	return writeKey(filepath.Join(dir, name+".key"), key)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
