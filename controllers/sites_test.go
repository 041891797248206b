package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

func newDomain(t *testing.T, ns, host, app string) *v1alpha1.Domain {
	t.Helper()
	d := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "domain-"},
		Spec:       v1alpha1.DomainSpec{Host: host, AppRef: v1alpha1.AppRef{Name: app}},
	}
	create(t, d)
	return d
}

// nextSecond waits until objects get a later creation time, which has no fractions.
func nextSecond(t *testing.T) {
	t.Helper()
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

var conflict = map[string]condition{
	v1alpha1.ConditionReady:            failing(v1alpha1.ReasonHostConflict),
	v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonHostConflict},
	v1alpha1.ConditionRouteReady:       failing(v1alpha1.ReasonHostConflict),
	v1alpha1.ConditionCertificateReady: pending,
}

// A Domain that is older than another one doesn't get its host by asking for it later, nor when that goes.
func TestHostIsNotTaken(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	domain := newDomain(t, other, "www."+other+".example.com", newApp(t, other).Name)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	nextSecond(t)
	app := running(t, ns)
	younger := newDomain(t, ns, "www."+ns+".example.com", app.Name)
	expect(t, younger, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})

	patch(t, domain, func(client.Object) { domain.Spec.Host = younger.Spec.Host })
	expect(t, domain, status.FailedStatus, conflict)
	awaitAbsent(t, routeOf(domain))
	remove(t, app)
	expect(t, younger, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonAppNotFound)})
	expect(t, domain, status.FailedStatus, conflict)
	remove(t, younger)
	settle()
	expect(t, domain, status.FailedStatus, conflict)
}

// An administrator moves a host to another organization by its claim: the one that loses it gives up all that it has.
func TestHostGivenUp(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	older := newDomain(t, other, "www."+other+".example.com", newApp(t, other).Name)
	nextSecond(t)
	younger, _ := newCustomDomain(t, ns)
	name := younger.Name + ".domain"
	wantCustom(t, younger, "")
	certify(t, ns, name)
	expect(t, younger, status.CurrentStatus, ready)
	certificate, secret := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}, tlsSecret(younger)
	awaitOwned(t, secret, younger)
	patch(t, older, func(client.Object) { older.Spec.Host = younger.Spec.Host })
	expect(t, older, status.FailedStatus, conflict)

	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: younger.Spec.Host}}
	patch(t, claim, func(client.Object) {
		claim.Spec.Organization, claim.Spec.Holder.Name = other, older.Name
	})
	expect(t, younger, status.FailedStatus, conflict)
	awaitAbsent(t, routeOf(younger))
	awaitAbsent(t, certificate)
	awaitAbsent(t, secret)
	awaitAbsent(t, copyOf(younger))
	expect(t, older, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})

	patch(t, older, func(client.Object) { older.Spec.Host = "www2." + other + ".example.com" })
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil && s.Organization == other })
}

func TestDomain(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	host := "www." + ns + ".example.com"
	domain := newDomain(t, ns, host, "app-"+ns[len(ns)-5:])
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	expect(t, domain, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady:            failing(v1alpha1.ReasonAppNotFound),
		v1alpha1.ConditionStalled:          {"True", v1alpha1.ReasonAppNotFound},
		v1alpha1.ConditionCertificateReady: pending,
		v1alpha1.ConditionRouteReady:       pending,
	})
	app := newApp(t, ns)
	expect(t, domain, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:       working,
		v1alpha1.ConditionReconciling: {"True", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionRouteReady:  succeeded,
	})
	certify(t, ns, domain.Name+".domain")
	expect(t, domain, status.CurrentStatus, map[string]condition{
		v1alpha1.ConditionReady:            succeeded,
		v1alpha1.ConditionCertificateReady: succeeded,
		v1alpha1.ConditionRouteReady:       succeeded,
	})
	if want := "https://" + host; domain.Status.URL != want {
		t.Errorf("url = %s, want %s", domain.Status.URL, want)
	}
	ingress := routeOf(domain)
	get(t, ingress)
	if got := ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name; got != app.Name {
		t.Errorf("the Ingress leads to Service %s, want %s", got, app.Name)
	}
}

// The router's default certificate is none for a host that isn't a default one: a route that somebody has led to it names its Secret again.
func TestDomainIsNeverBare(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	ingress := routeOf(domain)
	get(t, ingress)
	patch(t, ingress, func(client.Object) { ingress.Spec.TLS[0].SecretName = "" })
	awaitServed(t, domain, tlsSecret(domain).Name)
}

func TestDomainOutsideOfAnOrganization(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	domain := newDomain(t, ns, ns+".example.com", "web")
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotInOrganization)})
	label(t, ns)
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionReady: failing(v1alpha1.ReasonAppNotFound)})
}

func TestHostOfTwoDomains(t *testing.T) {
	t.Parallel()
	first, second := organization(t), organization(t)
	host := "www." + first + ".example.com"
	older := newDomain(t, first, host, newApp(t, first).Name)
	nextSecond(t)
	younger := newDomain(t, second, host, newApp(t, second).Name)
	expect(t, younger, status.FailedStatus, conflict)
	absent(t, routeOf(younger))
	remove(t, older)
	settle()
	expect(t, younger, status.FailedStatus, conflict)

	// A sibling in the organization that had the host takes it.
	heir := newDomain(t, first, host, "app-"+first[len(first)-5:])
	expect(t, heir, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// A Domain for its own App's default host is served by the App and says what the App says.
func TestDomainOfTheDefaultHost(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	domain := newDomain(t, ns, app.Name+"."+baseDomain, app.Name)
	expect(t, domain, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:            working,
		v1alpha1.ConditionCertificateReady: working,
		v1alpha1.ConditionRouteReady:       succeeded,
	})
	certify(t, ns, app.Name)
	expect(t, domain, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	absent(t, routeOf(domain))
	absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})

	// Once it asks for another host, it serves that by itself, and gives that up when it mirrors again.
	patch(t, domain, func(client.Object) { domain.Spec.Host = "www." + ns + ".example.com" })
	ingress := routeOf(domain)
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(ingress), ingress) })
	patch(t, domain, func(client.Object) { domain.Spec.Host = app.Name + "." + baseDomain })
	awaitAbsent(t, ingress)
}

// A Domain that mirrors an App whose host belongs to somebody else can't become ready either.
func TestDomainMirrorsConflict(t *testing.T) {
	t.Parallel()
	first, second := organization(t), organization(t)
	older := newApp(t, first)
	nextSecond(t)
	app := newApp(t, second, func(a *v1alpha1.App) { a.Name = older.Name })
	domain := newDomain(t, second, app.Name+"."+baseDomain, app.Name)
	expect(t, domain, status.FailedStatus, conflict)
}

func TestCertificateThatFails(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	awaitStatus(t, app)
	certificateStatus(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}, cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "the order is invalid",
	})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(app), app); err != nil {
			return err
		}
		if !strings.Contains(message(app, v1alpha1.ConditionCertificateReady), "the order is invalid") {
			return errNotYet
		}
		return nil
	})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working})
}

// The Secret that cert-manager leaves behind goes with the App or the Domain, also if it is seen after all else.
func TestCertificateSecretHasAnOwner(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
	awaitOwned(t, tlsSecret(app), app)

	second := newApp(t, ns, func(a *v1alpha1.App) { a.Name += "2" })
	for name, owner := range map[string]hasConditions{domain.Name + ".domain": domain, second.Name: second} {
		c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(c), c) })
		certificateStatus(t, c, cmv1.CertificateCondition{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue})
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(owner), owner); err != nil {
				return err
			}
			if !strings.Contains(message(owner, v1alpha1.ConditionCertificateReady), "does not hold a certificate") {
				return errNotYet
			}
			return nil
		})
		awaitOwned(t, issue(t, c), owner)
	}
}

// awaitOwned waits until an object has an owner that takes it along.
func awaitOwned(t *testing.T, o, owner client.Object) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(o), o); err != nil {
			return err
		}
		if !metav1.IsControlledBy(o, owner) {
			return errNotYet
		}
		return nil
	})
}
