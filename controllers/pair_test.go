package controllers

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/certificate"
)

// pairFor says what certificate a test wants: by default one that is valid for 90 days.
type pairFor struct {
	host string
	// names are DNS names beside the host, common is the common name.
	names               []string
	common              string
	notBefore, notAfter time.Time
	// key is on P-256 by default.
	key *ecdsa.PrivateKey
}

// newPair makes a certificate, signed by a CA of its own that is in the chain too, and its key.
func newPair(t *testing.T, want pairFor) (chain, key []byte) {
	t.Helper()
	if want.notBefore.IsZero() {
		want.notBefore = time.Now().Add(-time.Hour)
	}
	if want.notAfter.IsZero() {
		want.notAfter = time.Now().Add(90 * 24 * time.Hour)
	}
	caKey, leafKey := newKey(t), want.key
	if leafKey == nil {
		leafKey = newKey(t)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA", Organization: []string{"Test"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cmp.Or(want.common, "test")},
		DNSNames:  append([]string{want.host}, want.names...),
		NotBefore: want.notBefore, NotAfter: want.notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	chain = append(sign(t, leaf, ca, leafKey, caKey), sign(t, ca, ca, caKey, caKey)...)
	key, err := certificate.EncodeKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, key
}

// pemLine returns a line of what is secret in a private key's PEM text.
func pemLine(text []byte) string {
	return strings.Split(string(text), "\n")[1]
}

// holdsAny reports whether a text holds one of some private keys.
func holdsAny(text string, keys ...[]byte) bool {
	return slices.ContainsFunc(keys, func(key []byte) bool { return strings.Contains(text, pemLine(key)) })
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, c, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// newCertificateSecret makes a Secret with a custom certificate, as a user makes it.
func newCertificateSecret(t *testing.T, ns, name string, want pairFor) *corev1.Secret {
	t.Helper()
	chain, key := newPair(t, want)
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: name, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	}
	create(t, secret)
	return secret
}
