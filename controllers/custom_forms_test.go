package controllers

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/certificate"
)

// Whatever form the PEM of a user's Secret has, routers get it in that of RFC 7468, the leaf first.
func TestCustomCertificateInOtherForms(t *testing.T) {
	t.Parallel()
	bom, join := []byte("\ufeff"), func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	oneLine := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte(" ")) }
	backward := func(chain []byte) []byte {
		_, rest := pem.Decode(chain)
		return join(rest, chain[:len(chain)-len(rest)])
	}
	cases := map[string]func(chain, key []byte) map[string][]byte{
		"OneLine": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: oneLine(chain), corev1.TLSPrivateKeyKey: oneLine(key)}
		},
		"ByteOrderMark": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: join(bom, chain), corev1.TLSPrivateKeyKey: join(bom, key)}
		},
		"Backward": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: backward(chain), corev1.TLSPrivateKeyKey: key}
		},
		"Doubled": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: join(chain, chain), corev1.TLSPrivateKeyKey: join(key, chain)}
		},
		"OtherLabel": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{
				corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: bytes.ReplaceAll(key, []byte("PRIVATE KEY"), []byte("RSA PRIVATE KEY")),
			}
		},
		"Bundle": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: join(key, chain)}
		},
		"BundleOnly": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSPrivateKeyKey: join(chain, key)}
		},
		"Swapped": func(chain, key []byte) map[string][]byte {
			return map[string][]byte{corev1.TLSCertKey: key, corev1.TLSPrivateKeyKey: chain}
		},
	}
	for name, form := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			guard(t, domain)
			chain, key := newPair(t, pairFor{host: domain.Spec.Host})
			source := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: ns, Name: "bought", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate},
				},
				Data: form(chain, key),
			}
			create(t, source)
			wantCustom(t, domain, source.Name)
			expect(t, domain, status.CurrentStatus, ready)
			awaitServed(t, domain, copyOf(domain).Name)
			want := &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}}
			custom := awaitCopy(t, domain, want)

			// It is not written again.
			reconcileLater(t, domain, later)
			if after := awaitCopy(t, domain, want); after.ResourceVersion != custom.ResourceVersion {
				t.Error("the copy was written again")
			}
		})
	}
}

// A certificate that another authority has signed crosswise for old clients ends while the chain is served: clients ignore it, and so do the
// conditions.
func TestCustomCertificateWithSpareThatEnds(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	guard(t, domain)
	chain, key := newCrossedPair(t, domain.Spec.Host, time.Now().Add(6*time.Second))
	source := newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	patch(t, source, func(client.Object) {
		source.Data = map[string][]byte{corev1.TLSCertKey: chain.PEM(), corev1.TLSPrivateKeyKey: key}
	})
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, copyOf(domain).Name)
	awaitCopy(t, domain, &corev1.Secret{Data: map[string][]byte{corev1.TLSCertKey: chain[:2].PEM(), corev1.TLSPrivateKeyKey: key}})
	expect(t, domain, status.CurrentStatus, ready)
}

// newCrossedPair makes a leaf, its issuer, and the certificate of the issuer's root that another root has signed, which ends before the others.
func newCrossedPair(t *testing.T, host string, end time.Time) (certificate.Chain, []byte) {
	t.Helper()
	authority := func(name string, notAfter time.Time) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	}
	years := time.Now().AddDate(10, 0, 0)
	oldRoot, root, issuer := authority("Old Root", years), authority("Root", years), authority("Issuer", years)
	oldKey, rootKey, issuerKey, leafKey := newKey(t), newKey(t), newKey(t), newKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0),
	}
	texts := [][]byte{
		sign(t, leaf, issuer, leafKey, issuerKey), sign(t, issuer, root, issuerKey, rootKey), sign(t, authority("Root", end), oldRoot, rootKey, oldKey),
	}
	chain, err := certificate.ParseChain(bytes.Join(texts, nil))
	if err != nil {
		t.Fatal(err)
	}
	key, err := certificate.EncodeKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, key
}
