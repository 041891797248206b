package controllers

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/certificate"
)

// What can't be served is told in words, and what is served stays.
func TestCustomCertificateThatIsInvalid(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		// change is what is wrong with a Secret that else were right.
		change func(t *testing.T, s *corev1.Secret)
		says   string
	}{
		"OtherName": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = newPair(t, pairFor{host: "other.example.com"})
		}, "does not cover www."},
		"Expired": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			ended := pairFor{host: "www." + s.Namespace + ".example.com", notAfter: time.Now().Add(-time.Minute)}
			s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = newPair(t, ended)
		}, "expired on"},
		"OtherKey": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			_, s.Data[corev1.TLSPrivateKeyKey] = newPair(t, pairFor{host: "www." + s.Namespace + ".example.com"})
		}, "The private key is not the certificate's."},
		"NoCertificate": {func(_ *testing.T, s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("nonsense") }, "tls.crt: It is not PEM"},
		"NoKey":         {func(_ *testing.T, s *corev1.Secret) { s.Data[corev1.TLSPrivateKeyKey] = []byte("nonsense") }, "tls.key: It is not PEM"},
		"OtherKeyWithChain": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			_, other := newPair(t, pairFor{host: "www." + s.Namespace + ".example.com"})
			s.Data[corev1.TLSCertKey] = append(s.Data[corev1.TLSCertKey], other...)
		}, "tls.key: It holds another private key"},
		"PublicKey": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			key, err := certificate.ParseKey(s.Data[corev1.TLSPrivateKeyKey])
			if err != nil {
				t.Fatal(err)
			}
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			s.Data[corev1.TLSPrivateKeyKey] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		}, "tls.key: It holds a public key."},
		"NotYet": {func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			coming := pairFor{host: "www." + s.Namespace + ".example.com", notBefore: time.Now().Add(time.Hour)}
			s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey] = newPair(t, coming)
		}, "is not valid before"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			guard(t, domain)
			source := newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
			whole := source.DeepCopy()
			patch(t, source, func(client.Object) { tc.change(t, source) })
			wantCustom(t, domain, source.Name)
			expect(t, domain, status.FailedStatus, certificateInvalid)
			says(t, domain, tc.says)
			if got := message(domain, v1alpha1.ConditionReady); !strings.HasPrefix(got, "Secret bought: ") {
				t.Errorf("the message is %q, want it to say which Secret", got)
			}

			// Nothing that is served has changed, and its renewals go on.
			awaitServed(t, domain, tlsSecret(domain).Name)
			reconcileLater(t, domain, later)
			get(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})
			awaitServed(t, domain, tlsSecret(domain).Name)
			absent(t, copyOf(domain))

			patch(t, source, func(client.Object) { source.Data = whole.Data })
			expect(t, domain, status.CurrentStatus, ready)
			awaitServed(t, domain, copyOf(domain).Name)
		})
	}
}

// A Secret that isn't there, or hasn't Berth's label, is waited for.
func TestCustomCertificateThatIsMissing(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	guard(t, domain)
	wantCustom(t, domain, "bought")
	missing := map[string]condition{
		v1alpha1.ConditionReady:            failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonSecretNotFound},
		v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonSecretNotFound),
	}
	expect(t, domain, status.FailedStatus, missing)
	says(t, domain, "There is no Secret bought with the label berth.dev/secret=certificate")
	source := newCertificateSecret(t, ns, "unlabelled", pairFor{host: domain.Spec.Host})
	patch(t, source, func(client.Object) { source.Labels = nil })
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.FailedStatus, missing)
	reconcileLater(t, domain, later)
	awaitServed(t, domain, tlsSecret(domain).Name)
	patch(t, source, func(client.Object) {
		source.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}
	})
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, copyOf(domain).Name)
}

// What becomes of the user's Secret once it was copied touches nothing that is served.
func TestCustomCertificateThatBreaksLater(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	guard(t, domain)
	served := source.DeepCopy()

	patch(t, source, func(client.Object) { source.Data[corev1.TLSCertKey] = []byte("nonsense") })
	expect(t, domain, status.FailedStatus, certificateInvalid)
	awaitCopy(t, domain, served)
	remove(t, source)
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonSecretNotFound)})
	reconcileLater(t, domain, later)
	awaitCopy(t, domain, served)
	awaitServed(t, domain, copyOf(domain).Name)
}
