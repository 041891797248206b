package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

var throttled = map[string]condition{
	v1alpha1.ConditionReady:            failing(v1alpha1.ReasonThrottled),
	v1alpha1.ConditionReconciling:      {"True", v1alpha1.ReasonThrottled},
	v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonThrottled),
}

// budgeted makes an organization that may have few new certificates.
func budgeted(t *testing.T, perHour, perDay int32) string {
	t.Helper()
	return organizationWith(t, v1alpha1.OrganizationSpec{
		HostVerification: v1alpha1.HostVerificationDisabled, AllowedIssuers: []v1alpha1.IssuerRef{{Name: "other"}},
		Limits: &v1alpha1.OrganizationLimits{NewCertificatesPerHour: new(perHour), NewCertificatesPerDay: new(perDay)},
	})
}

// requestedFor returns how many requests are counted for a host.
func requestedFor(t *testing.T, claim *v1alpha1.HostClaim) int {
	t.Helper()
	get(t, claim)
	return len(claim.Status.CertificateRequestedAt)
}

func awaitRequests(t *testing.T, claim *v1alpha1.HostClaim, want int) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(claim), claim); err != nil || len(claim.Status.CertificateRequestedAt) != want {
			return errNotYet
		}
		return nil
	})
}

func requestedDomain(t *testing.T, ns, label, app string) (*v1alpha1.Domain, *v1alpha1.HostClaim) {
	t.Helper()
	host := label + "." + ns + ".example.com"
	domain := newDomain(t, ns, host, app)
	return domain, existingClaim(t, host)
}

// Each new certificate counts, also that of a Domain that is deleted and made again, with another host or another issuer; a renewal doesn't.
func TestBudgetOfCertificates(t *testing.T) {
	t.Parallel()
	ns := budgeted(t, 4, 50) // One is for the App's default host.
	app := newApp(t, ns)
	domain, claim := requestedDomain(t, ns, "www", app.Name)
	certify(t, ns, domain.Name+".domain")
	expect(t, domain, status.CurrentStatus, map[string]condition{v1alpha1.ConditionCertificateReady: succeeded})
	awaitRequests(t, claim, 1)
	reconcileLater(t, domain, later)
	quiesce(t, ns)
	if got := requestedFor(t, claim); got != 1 {
		t.Fatalf("%d requests are counted, want that a Certificate is counted once", got)
	}

	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other"}}
	})
	awaitIssuer(t, ns, domain.Name+".domain", "other")
	awaitRequests(t, claim, 2)

	remove(t, domain)
	// Or the controllers learn first that the Certificate is gone, and request one more for the Domain that was.
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, key(domain), &v1alpha1.Domain{}); !apierrors.IsNotFound(err) {
			return errNotYet
		}
		return nil
	})
	remove(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})
	again := &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, domain.Name+"-2"), Spec: domain.Spec}
	create(t, again)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the Domain that was made again: %+v", again.Status.Conditions)
		}
	})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(again), again); err != nil {
			return err
		}
		return api.Get(ctx, client.ObjectKey{Namespace: ns, Name: again.Name + ".domain"}, &cmv1.Certificate{})
	})
	awaitIssuer(t, ns, again.Name+".domain", "other")
	awaitRequests(t, claim, 3)

	late, lateClaim := requestedDomain(t, ns, "late", app.Name)
	expect(t, late, status.InProgressStatus, throttled)
	says(t, late, "has used up its budget of 4 new certificates per hour")
	absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, late.Name+".domain")})
	result := reconcileDomain(t, late, testclock.NewFakePassiveClock(time.Now()))
	if result.RequeueAfter <= 50*time.Minute || result.RequeueAfter > time.Hour {
		t.Errorf("it is looked at again after %s, want it to be when there is room", result.RequeueAfter)
	}
	reconcileLater(t, late, time.Hour+time.Second)
	get(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, late.Name+".domain")})
	awaitRequests(t, lateClaim, 1)
}

// Requests for a host that another organization has by now count on.
func TestBudgetAfterATransfer(t *testing.T) {
	t.Parallel()
	ns := budgeted(t, 2, 50) // One is for the App's default host.
	app := newApp(t, ns)
	lost := &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "lost-" + ns + ".example.org"},
		Spec:       v1alpha1.HostClaimSpec{Organization: "rival", HeldUntil: new(metav1.NewTime(time.Now().Add(time.Hour)))},
	}
	create(t, lost)
	lost.Status.FormerRequests = []v1alpha1.FormerRequests{{Organization: ns, RequestedAt: []metav1.Time{metav1.Now()}}}
	if err := api.Status().Update(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		seen := &v1alpha1.HostClaim{}
		if err := cached.Get(ctx, key(lost), seen); err != nil {
			return err
		}
		if len(seen.Status.FormerRequests) == 0 {
			return errNotYet
		}
		return nil
	})
	awaitRequests(t, existingClaim(t, app.Name+"."+baseDomain), 1)
	domain, _ := requestedDomain(t, ns, "www", app.Name)
	expect(t, domain, status.InProgressStatus, throttled)
}

// The budget of a day is another than that of an hour, and one that is raised is used at once.
func TestBudgetOfADay(t *testing.T) {
	t.Parallel()
	ns := budgeted(t, 5, 1)
	app := newApp(t, ns)
	claim := existingClaim(t, app.Name+"."+baseDomain)
	certify(t, ns, app.Name)
	awaitRequests(t, claim, 1)
	awaitRequests(t, existingClaim(t, app.Name+"."+baseDomain), 1)
	domain, _ := requestedDomain(t, ns, "www", app.Name)
	expect(t, domain, status.InProgressStatus, throttled)
	says(t, domain, "of 1 new certificates per day")
	reconcileLater(t, domain, 2*time.Hour)
	absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})

	// A custom certificate costs nothing.
	newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host})
	wantCustom(t, domain, "bought")
	expect(t, domain, status.CurrentStatus, ready)
	wantCustom(t, domain, "")
	expect(t, domain, status.InProgressStatus, throttled)

	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	patch(t, org, func(client.Object) { org.Spec.Limits.NewCertificatesPerDay = new(int32(2)) })
	eventually(t, func(ctx context.Context) error {
		return api.Get(ctx, client.ObjectKey{Namespace: ns, Name: domain.Name + ".domain"}, &cmv1.Certificate{})
	})
}

// Without any budget, only a person can help.
func TestBudgetOfNone(t *testing.T) {
	t.Parallel()
	ns := budgeted(t, 0, 50)
	domain, _ := requestedDomain(t, ns, "www", newApp(t, ns).Name)
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionStalled: {"True", v1alpha1.ReasonThrottled}})
}

// An issuer that the organization may not use gets no requests. What is served stays.
func TestIssuerThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	ns := organizationWith(t, v1alpha1.OrganizationSpec{Trusted: new(true)})
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	domain := newServedDomain(t, ns)
	name := domain.Name + ".domain"
	guard(t, domain)
	before := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}
	get(t, before)
	for _, ref := range []v1alpha1.IssuerRef{{Name: "internal-ca"}, {Name: "local-ca", Kind: "Issuer"}} {
		patch(t, domain, func(client.Object) { domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: new(ref)} })
		expect(t, domain, status.FailedStatus, map[string]condition{
			v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonIssuerNotAllowed},
			v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonIssuerNotAllowed),
			v1alpha1.ConditionRouteReady:       succeeded,
		})
		says(t, domain, " "+ref.Name+" of cert-manager.io")
	}
	awaitServed(t, domain, tlsSecret(domain).Name)
	unchanged(t, before)

	patch(t, org, func(client.Object) {
		org.Spec.AllowedIssuers = []v1alpha1.IssuerRef{{Name: "local-ca", Kind: "Issuer"}}
	})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(before), before); err != nil || before.Spec.IssuerRef.Kind != "Issuer" {
			return errNotYet
		}
		return nil
	})
	reportReady(t, before)
	expect(t, domain, status.CurrentStatus, ready)
	patch(t, org, func(client.Object) { org.Spec.AllowedIssuers = nil })
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonIssuerNotAllowed)})
	patch(t, domain, func(client.Object) { // The platform's own, whoever lists it.
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: testOptions().Issuer.Name}}
	})
	awaitIssuer(t, ns, name, strings.ToLower(testOptions().Issuer.Name))
}
