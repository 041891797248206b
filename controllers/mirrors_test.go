package controllers

import (
	"context"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

func reconcileApp(t *testing.T, app *v1alpha1.App, c clock.PassiveClock) {
	t.Helper()
	b := testBase(t, c)
	r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
	if err := cached.Get(t.Context(), key(app), app); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), app); err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
}

// The default host of an App serves the custom certificate of a Domain that mirrors it, for as long as there is such a Domain.
func TestMirroredCustomCertificate(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	host := app.Name + "." + baseDomain
	issued, issuedSecret := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}, tlsSecret(app)
	custom := copyOf(app)
	guard(t, app)
	domain := newDomain(t, ns, host, app.Name)
	expect(t, domain, status.CurrentStatus, ready)
	get(t, issuedSecret)
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, issuedSecret)
	patch(t, issuedSecret, func(client.Object) {
		renewed := pairFor{host: host, notAfter: time.Now().AddDate(0, 6, 0)}
		issuedSecret.Data[corev1.TLSCertKey], issuedSecret.Data[corev1.TLSPrivateKeyKey] = newPair(t, renewed)
	})
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, issuedSecret)

	source := newCertificateSecret(t, ns, "bought", pairFor{host: host, notAfter: time.Now().AddDate(1, 0, 0)})
	wantCustom(t, domain, source.Name)
	awaitServed(t, app, custom.Name)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, source)
	expect(t, domain, status.CurrentStatus, ready)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	awaitOwned(t, custom, app)
	reconcileApp(t, app, testclock.NewFakePassiveClock(time.Now().Add(later)))
	awaitAbsent(t, issued)
	awaitAbsent(t, issuedSecret)
	absent(t, copyOf(domain))

	// A change of the user's Secret is followed, and a broken one told by both.
	whole := source.DeepCopy()
	longer := pairFor{host: host, notAfter: time.Now().AddDate(2, 0, 0)}
	whole.Data[corev1.TLSCertKey], whole.Data[corev1.TLSPrivateKeyKey] = newPair(t, longer)
	patch(t, source, func(client.Object) { source.Data[corev1.TLSCertKey] = []byte("nonsense") })
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonCertificateInvalid)})
	expect(t, domain, status.FailedStatus, certificateInvalid)
	patch(t, source, func(client.Object) { source.Data = whole.Data })
	expect(t, domain, status.CurrentStatus, ready)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, whole)

	remove(t, domain)
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(issued), issued) })
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working})
	awaitServed(t, app, custom.Name)
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	awaitServed(t, app, issuedSecret.Name)
	reconcileApp(t, app, testclock.NewFakePassiveClock(time.Now().Add(later)))
	awaitAbsent(t, custom)
}

// Of several Domains that mirror an App, the oldest says which certificate its host has, and when it goes the next one does.
func TestTwoMirrorsOfAnApp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	host := app.Name + "." + baseDomain
	guard(t, app)
	first := newDomain(t, ns, host, app.Name)
	expect(t, first, status.CurrentStatus, ready)
	nextSecond(t)
	second := newDomain(t, ns, host, app.Name)
	expect(t, second, status.CurrentStatus, ready)

	source := newCertificateSecret(t, ns, "bought", pairFor{host: host})
	wantCustom(t, second, source.Name)
	expect(t, second, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonHostConflict),
		v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonHostConflict},
		v1alpha1.ConditionRouteReady:       succeeded,
	})
	says(t, second, "Domain "+first.Name)
	awaitServed(t, app, tlsSecret(app).Name)
	remove(t, first)
	expect(t, second, status.CurrentStatus, ready)
	awaitServed(t, app, copyOf(app).Name)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
}

// A Domain that mirrors chooses the issuer of the App's certificate too.
func TestMirroredIssuer(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	guard(t, app)
	domain := newDomain(t, ns, app.Name+"."+baseDomain, app.Name)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other", Kind: "Issuer"}}
	})
	awaitIssuer(t, ns, app.Name, "other")
	remove(t, domain)
	awaitIssuer(t, ns, app.Name, "local-ca")
}
