package controllers

import (
	"bytes"
	"context"
	"fmt"
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
	domaincontroller "github.com/berth-dev/berth/controllers/domain"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/certificate"
)

// later is when everything that a route has stopped naming may go.
const later = exposure.Overlap + 10*time.Second

var certificateInvalid = map[string]condition{
	v1alpha1.ConditionReady:            failing(v1alpha1.ReasonCertificateInvalid),
	v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonCertificateInvalid},
	v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonCertificateInvalid),
	v1alpha1.ConditionRouteReady:       succeeded,
}

var ready = map[string]condition{
	v1alpha1.ConditionReady:               succeeded,
	v1alpha1.ConditionCertificateReady:    succeeded,
	v1alpha1.ConditionRouteReady:          succeeded,
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
func reconcileBy(t *testing.T, b reconciler.Base, domain *v1alpha1.Domain) reconcile.Result {
	t.Helper()
	r := &domaincontroller.Reconciler{Exposures: exposure.New(b)}
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
	got := copyOf(domain)
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
	want := &v1alpha1.DomainCertificate{Type: kind, Issuer: "CN=Test CA,O=Test", NotAfter: new(metav1.NewTime(chain.Leaf().NotAfter))}
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
	issued := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}
	issuedSecret := tlsSecret(domain)
	guard(t, domain)
	get(t, issuedSecret)
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, issuedSecret)

	source := newCertificateSecret(t, ns, "bought", pairFor{host: host, notAfter: time.Now().AddDate(1, 0, 0)})
	nextSecond(t)
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, copyOf(domain).Name)
	custom := awaitCopy(t, domain, source)
	if got := custom.Labels[v1alpha1.LabelSecret]; got != v1alpha1.SecretTLS || custom.Type != corev1.SecretTypeTLS {
		t.Errorf("the copy has the label %q and the type %s", got, custom.Type)
	}
	awaitOwned(t, custom, domain)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, source)

	// What was served before stays for a while, which begins when the route stops naming it.
	get(t, issued)
	get(t, issuedSecret)
	ingress := routeOf(domain)
	if err := cached.Get(t.Context(), key(ingress), ingress); err != nil {
		t.Fatal(err)
	}
	since := ssa.AppliedAt(ingress)
	if !since.After(ingress.CreationTimestamp.Time) {
		t.Errorf("the Ingress names the copy since %s, want it to be after %s, when it was made", since, ingress.CreationTimestamp)
	}
	again := reconcileDomain(t, domain, testclock.NewFakePassiveClock(since.Add(exposure.Overlap-time.Second)))
	if again.RequeueAfter != time.Second {
		t.Errorf("a second before it may go, it is looked at again after %s, want 1s", again.RequeueAfter)
	}
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
	awaitServed(t, domain, copyOf(domain).Name)

	wantCustom(t, domain, "")
	expect(t, domain, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:            working,
		v1alpha1.ConditionReconciling:      {"True", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionCertificateReady: working,
	})
	awaitServed(t, domain, copyOf(domain).Name)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, other)
	reconcileLater(t, domain, later)
	get(t, custom)
	before := issuedSecret.DeepCopy()
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(issued), issued) })
	reportReady(t, issued)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, tlsSecret(domain).Name)
	get(t, issuedSecret)
	if err := holds(issuedSecret, before); err != nil {
		t.Errorf("the certificate that was issued before is not used again: %v", err)
	}
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
	absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)})
	guard(t, domain)

	wantCustom(t, domain, "")
	c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(c), c) })
	c.Spec.DNSNames = []string{"other.example.com"}
	secret := issue(t, c)
	reportReady(t, c)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working})
	quiesce(t, ns)
	reconcileLater(t, domain, later)
	awaitServed(t, domain, copyOf(domain).Name)
	remove(t, secret)
	get(t, c)
	issue(t, c)
	expect(t, domain, status.CurrentStatus, ready)
	awaitServed(t, domain, tlsSecret(domain).Name)
}
