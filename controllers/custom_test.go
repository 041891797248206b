package controllers

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/certificate"
)

// later is when everything that a route has stopped naming may go.
const later = overlap + 10*time.Second

var certificateInvalid = map[string]condition{
	v1alpha1.ConditionReady:     failing(v1alpha1.ReasonCertificateInvalid),
	v1alpha1.ConditionStalled:   {"True", v1alpha1.ReasonCertificateInvalid},
	v1alpha1.ConditionCertified: failing(v1alpha1.ReasonCertificateInvalid),
	v1alpha1.ConditionRouted:    succeeded,
}

var ready = map[string]condition{
	v1alpha1.ConditionReady:               succeeded,
	v1alpha1.ConditionCertified:           succeeded,
	v1alpha1.ConditionRouted:              succeeded,
	v1alpha1.ConditionCertificateExpiring: {"False", v1alpha1.ReasonSucceeded},
}

// newServedDomain makes a Domain that serves the issuer's certificate.
func newServedDomain(t *testing.T, ns string) *v1alpha1.Domain {
	t.Helper()
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	certify(t, ns, domain.Name+".domain")
	expect(t, domain, status.CurrentStatus, ready)
	return domain
}

// newCustomDomain makes a Domain that serves a custom certificate, and the Secret that it comes from.
func newCustomDomain(t *testing.T, ns string, want ...func(*pairFor)) (*v1alpha1.Domain, *corev1.Secret) {
	t.Helper()
	host := "www." + ns + ".example.com"
	pair := pairFor{host: host}
	for _, change := range want {
		change(&pair)
	}
	source := newCertificateSecret(t, ns, "bought", pair)
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "domain-"},
		Spec: v1alpha1.DomainSpec{
			Host: host, AppRef: v1alpha1.AppRef{Name: newApp(t, ns).Name},
			TLS: &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: source.Name}},
		},
	}
	create(t, domain)
	expect(t, domain, status.CurrentStatus, ready)
	return domain, source
}

// wantCustom makes a Domain ask for the certificate in a Secret, or for the issuer's if the name is empty.
func wantCustom(t *testing.T, domain *v1alpha1.Domain, secret string) {
	t.Helper()
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = nil
		if secret != "" {
			domain.Spec.TLS = &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: secret}}
		}
	})
}

// reconcileLater reconciles a Domain as of a later time.
func reconcileLater(t *testing.T, domain *v1alpha1.Domain, after time.Duration) reconcile.Result {
	t.Helper()
	return reconcileDomain(t, domain, testclock.NewFakePassiveClock(time.Now().Add(after)))
}

func reconcileDomain(t *testing.T, domain *v1alpha1.Domain, c clock.PassiveClock) reconcile.Result {
	t.Helper()
	return reconcileBy(t, testBase(t, c), domain)
}

// reconcileBy reconciles a Domain by a controller of the test's own.
func reconcileBy(t *testing.T, b base, domain *v1alpha1.Domain) reconcile.Result {
	t.Helper()
	r := &domainReconciler{base: b, sites: newSites(b)}
	if err := cached.Get(t.Context(), key(domain), domain); err != nil {
		t.Fatal(err)
	}
	result, err := r.Reconcile(t.Context(), domain)
	if err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	return result
}

// holds says that a Secret has the same certificate and key as another one.
func holds(got, want *corev1.Secret) error {
	for _, k := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if !bytes.Equal(got.Data[k], want.Data[k]) {
			return fmt.Errorf("the %s of Secret %s is not that of Secret %s", k, got.Name, want.Name)
		}
	}
	return nil
}

// awaitCopy waits until the copy of a Domain holds what a Secret does.
func awaitCopy(t *testing.T, domain *v1alpha1.Domain, source *corev1.Secret) *corev1.Secret {
	t.Helper()
	got := &corev1.Secret{ObjectMeta: named(domain.Namespace, domain.Name+".domain-custom")}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(got), got); err != nil {
			return err
		}
		return holds(got, source)
	})
	return got
}

// awaitCertificate waits until the status of a Domain says that it serves what a Secret holds.
func awaitCertificate(t *testing.T, domain *v1alpha1.Domain, kind v1alpha1.CertificateType, secret *corev1.Secret) {
	t.Helper()
	chain, err := certificate.ParseChain(secret.Data[corev1.TLSCertKey])
	if err != nil {
		t.Fatal(err)
	}
	want := &v1alpha1.DomainCertificate{Type: kind, Issuer: "CN=Test CA,O=Test", NotAfter: metav1.NewTime(chain.Leaf().NotAfter)}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(domain), domain); err != nil {
			return err
		}
		if diff := cmp.Diff(want, domain.Status.Certificate); diff != "" {
			return fmt.Errorf("status.certificate (-want +got):\n%s", diff)
		}
		return nil
	})
}

// From the issuer's certificate to a custom one, to another one, and back, with the host always served.
func TestCustomCertificate(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	name, host := domain.Name+".domain", domain.Spec.Host
	issued := &cmv1.Certificate{ObjectMeta: named(ns, name)}
	issuedSecret := &corev1.Secret{ObjectMeta: named(ns, name+"-tls")}
	guard(t, ns, name)
	get(t, issuedSecret)
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, issuedSecret)

	source := newCertificateSecret(t, ns, "bought", pairFor{host: host, notAfter: time.Now().AddDate(1, 0, 0)})
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, ns, name, name+"-custom")
	custom := awaitCopy(t, domain, source)
	if got := custom.Labels[v1alpha1.LabelSecret]; got != v1alpha1.SecretTLS || custom.Type != corev1.SecretTypeTLS {
		t.Errorf("the copy has the label %q and the type %s", got, custom.Type)
	}
	awaitOwned(t, custom, domain)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, source)

	// What was served before stays for a while.
	get(t, issued)
	get(t, issuedSecret)
	reconcileLater(t, domain, later)
	awaitAbsent(t, issued)
	awaitAbsent(t, issuedSecret)

	renewed := source.DeepCopy()
	longer := pairFor{host: host, notAfter: time.Now().AddDate(2, 0, 0)}
	renewed.Data[corev1.TLSCertKey], renewed.Data[corev1.TLSPrivateKeyKey] = newPair(t, longer)
	patch(t, source, func(client.Object) { source.Data = renewed.Data })
	awaitCopy(t, domain, renewed)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, renewed)
	expect(t, domain, status.CurrentStatus, ready)

	other := newCertificateSecret(t, ns, "other", pairFor{host: "*." + ns + ".example.com"})
	wantCustom(t, domain, other.Name)
	awaitCopy(t, domain, other)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, ns, name, name+"-custom")

	wantCustom(t, domain, "")
	expect(t, domain, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:       working,
		v1alpha1.ConditionReconciling: {"True", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionCertified:   working,
	})
	awaitServed(t, ns, name, name+"-custom")
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, other)
	reconcileLater(t, domain, later)
	get(t, custom)
	certify(t, ns, name)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, ns, name, name+"-tls")
	get(t, issuedSecret)
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, issuedSecret)
	get(t, custom)
	reconcileLater(t, domain, later)
	awaitAbsent(t, custom)
	get(t, issuedSecret)
}

// A Certificate that is ready for something else than the host doesn't take the place of a custom one that is served.
func TestCustomCertificateStaysUntilTheOtherCoversTheHost(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, _ := newCustomDomain(t, ns)
	name := domain.Name + ".domain"
	// Nobody has asked cert-manager for anything.
	absent(t, &cmv1.Certificate{ObjectMeta: named(ns, name)})
	guard(t, ns, name)

	wantCustom(t, domain, "")
	c := &cmv1.Certificate{ObjectMeta: named(ns, name)}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(c), c) })
	c.Spec.DNSNames = []string{"other.example.com"}
	secret := issue(t, c)
	reportReady(t, c)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertified: working})
	settle()
	awaitServed(t, ns, name, name+"-custom")
	remove(t, secret)
	get(t, c)
	issue(t, c)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, ns, name, name+"-tls")
}

// What can't be served is told in words, and what is served stays.
func TestCustomCertificateThatIsInvalid(t *testing.T) {
	t.Parallel()
	chainAndKey := func(s *corev1.Secret) []byte {
		return append(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]...)
	}
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
		"KeyWithChain":  {func(_ *testing.T, s *corev1.Secret) { s.Data[corev1.TLSCertKey] = chainAndKey(s) }, "tls.crt: It holds a block"},
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
		}, "one private key is wanted"},
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
			route := domain.Name + ".domain"
			guard(t, ns, route)
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
			awaitServed(t, ns, route, route+"-tls")
			reconcileLater(t, domain, later)
			get(t, &cmv1.Certificate{ObjectMeta: named(ns, route)})
			awaitServed(t, ns, route, route+"-tls")
			absent(t, &corev1.Secret{ObjectMeta: named(ns, route+"-custom")})

			patch(t, source, func(client.Object) { source.Data = whole.Data })
			expect(t, domain, status.CurrentStatus, ready)
			awaitServed(t, ns, route, route+"-custom")
		})
	}
}

// A Secret that isn't there, or hasn't Berth's label, is waited for.
func TestCustomCertificateThatIsMissing(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	route := domain.Name + ".domain"
	guard(t, ns, route)
	wantCustom(t, domain, "bought")
	missing := map[string]condition{
		v1alpha1.ConditionReady:     failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionStalled:   {"True", v1alpha1.ReasonSecretNotFound},
		v1alpha1.ConditionCertified: failing(v1alpha1.ReasonSecretNotFound),
	}
	expect(t, domain, status.FailedStatus, missing)
	says(t, domain, "There is no Secret bought with the label berth.dev/secret=certificate")
	source := newCertificateSecret(t, ns, "unlabelled", pairFor{host: domain.Spec.Host})
	patch(t, source, func(client.Object) { source.Labels = nil })
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.FailedStatus, missing)
	awaitServed(t, ns, route, route+"-tls")
	patch(t, source, func(client.Object) {
		source.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}
	})
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, ns, route, route+"-custom")
}

// What becomes of the user's Secret once it was copied touches nothing that is served.
func TestCustomCertificateThatBreaksLater(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	route := domain.Name + ".domain"
	guard(t, ns, route)
	served := source.DeepCopy()

	patch(t, source, func(client.Object) { source.Data[corev1.TLSCertKey] = []byte("nonsense") })
	expect(t, domain, status.FailedStatus, certificateInvalid)
	awaitCopy(t, domain, served)
	remove(t, source)
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertified: failing(v1alpha1.ReasonSecretNotFound)})
	reconcileLater(t, domain, later)
	awaitCopy(t, domain, served)
	awaitServed(t, ns, route, route+"-custom")
}

// A copy that somebody changes or deletes is made anew.
func TestCustomCertificateWhoseCopyIsTouched(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	custom := awaitCopy(t, domain, source)
	patch(t, custom, func(client.Object) { custom.Data[corev1.TLSPrivateKeyKey] = []byte("nonsense") })
	awaitCopy(t, domain, source)
	remove(t, custom)
	awaitCopy(t, domain, source)
	expect(t, domain, status.CurrentStatus, ready)
}

// A Secret of somebody else's with the name of the copy is never taken over.
func TestCustomCertificateWhoseCopyIsNotOwned(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	theirs := newCertificateSecret(t, ns, domain.Name+".domain-custom", pairFor{host: domain.Spec.Host})
	newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	wantCustom(t, domain, "bought")
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertified: failing(v1alpha1.ReasonNotOwned)})
	after := theirs.DeepCopy()
	get(t, after)
	if err := holds(after, theirs); err != nil {
		t.Error(err)
	}
}

func TestIdleDomainAsksForNothing(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{"Default": "", "Custom": "bought"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
			wantCustom(t, domain, secret)
			expect(t, domain, status.CurrentStatus, ready)
			before := quiesce(t, ns)
			reconcileDomain(t, domain, clock.RealClock{})
			if diff := cmp.Diff(before, sent.in(ns)); diff != "" {
				t.Errorf("an idle reconcile asked the API server for something (-before +after):\n%s", diff)
			}
		})
	}
}

// The private key is asked for once for each copy that is made.
func TestCustomCertificateIsReadOnce(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	newCustomDomain(t, ns)
	var reads int
	for _, r := range quiesce(t, ns) {
		if strings.HasPrefix(r, "GET ") {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("the controllers read %d objects past the cache, want 1: %q", reads, sent.in(ns))
	}
}

// No private key enters the cache, whatever key of a Secret it lies in, and none is in what the controllers write for people to read.
func TestPrivateKeysStaySecret(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	route := domain.Name + ".domain"
	source := newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	private := source.Data[corev1.TLSPrivateKeyKey]
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.CurrentStatus, ready)
	patch(t, source, func(client.Object) {
		source.Annotations = map[string]string{"last-applied": string(private)}
		source.Data[corev1.TLSCertKey] = append(source.Data[corev1.TLSCertKey], private...)
		source.Data["other"] = private
	})
	expect(t, domain, status.FailedStatus, certificateInvalid)
	secrets := map[string][]string{ // Which keys are kept, and how they begin.
		"bought":          {"-----BEGIN PROBLEM-----", "-----BEGIN PUBLIC HALF-----"},
		route + "-custom": {"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC HALF-----"},
		route + "-tls":    {"-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC HALF-----"},
	}
	for name, want := range secrets {
		got := &corev1.Secret{}
		if err := cached.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, got); err != nil {
			t.Fatal(err)
		}
		for i, k := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			if !bytes.HasPrefix(got.Data[k], []byte(want[i])) {
				t.Errorf("the cache's %s of Secret %s doesn't begin with %q", k, name, want[i])
			}
		}
		whole, err := got.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if got.Data["other"] != nil || bytes.Contains(whole, []byte("PRIVATE KEY")) {
			t.Errorf("the cache holds a private key in Secret %s", name)
		}
	}
	events, err := announced(t.Context(), ns)
	if err != nil {
		t.Fatal(err)
	}
	if told := fmt.Sprint(domain.Status, events, logged.String()); strings.Contains(told, pemBody(private)) {
		t.Error("a status, an event or the log has a private key")
	}
}
