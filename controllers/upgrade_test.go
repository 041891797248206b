package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// appStatus writes the status of an App, as an earlier version left it.
func appStatus(t *testing.T, app *v1alpha1.App, change func(*v1alpha1.AppStatus)) {
	t.Helper()
	get(t, app)
	before := app.DeepCopy()
	change(&app.Status)
	if err := api.Status().Patch(t.Context(), app, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// domainStatus writes the status of a Domain, as an earlier version left it.
func domainStatus(t *testing.T, domain *v1alpha1.Domain, change func(*v1alpha1.DomainStatus)) {
	t.Helper()
	get(t, domain)
	before := domain.DeepCopy()
	change(&domain.Status)
	if err := api.Status().Patch(t.Context(), domain, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// awaitCached waits until the cache of the controllers has the status of an object.
func awaitCached(t *testing.T, o client.Object, has func(client.Object) bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, key(o), o); err != nil {
			return err
		}
		if !has(o) {
			return errNotYet
		}
		return nil
	})
}

// After an upgrade from a version without HostClaims, hosts stay with the App and the Domain that serve them, whichever object is reconciled first: one
// that was refused, or one that was created during the upgrade.
func TestUpgradeKeepsHosts(t *testing.T) {
	t.Parallel()
	has, wants := labelled(t, nil, nil), labelled(t, nil, nil)
	app := newApp(t, has.Name)
	appStatus(t, app, func(s *v1alpha1.AppStatus) { s.URL = host.URL(host.Default(app.Name, baseDomain)) })
	domain := newDomain(t, has.Name, "www."+has.Name+".example.net", app.Name)
	domainStatus(t, domain, func(s *v1alpha1.DomainStatus) { s.URL = host.URL(domain.Spec.Host) })
	awaitCached(t, app, func(client.Object) bool { return app.Status.URL != "" })
	awaitCached(t, domain, func(client.Object) bool { return domain.Status.URL != "" })
	ingress := &networkingv1.Ingress{ObjectMeta: testobjects.Named(namespace(t, nil), "www"), Spec: networkingv1.IngressSpec{
		Rules: []networkingv1.IngressRule{{Host: domain.Spec.Host}},
	}}
	create(t, ingress)

	rival := newApp(t, wants.Name, func(a *v1alpha1.App) { a.Name = app.Name })
	rivalDomain := newDomain(t, wants.Name, domain.Spec.Host, rival.Name)
	mark(t, wants.Name)
	expect(t, rival, status.FailedStatus, conflict)
	expect(t, rivalDomain, status.FailedStatus, conflict)

	mark(t, has.Name)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	for name, kind := range map[string]v1alpha1.HostHolderKind{
		host.Default(app.Name, baseDomain): v1alpha1.HostHolderApp, domain.Spec.Host: v1alpha1.HostHolderDomain,
	} {
		awaitClaim(t, &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}, func(s v1alpha1.HostClaimSpec) bool {
			return s.Organization == has.Name && s.Holder != nil && s.Holder.Kind == kind
		})
	}
	settle()
	expect(t, rival, status.FailedStatus, conflict)
	expect(t, rivalDomain, status.FailedStatus, conflict)
}

// A refusal is not forgotten while the organization is away: the host may be free when it comes back.
func TestRefusalIsKept(t *testing.T) {
	t.Parallel()
	has, wants := organization(t), organization(t)
	app := newApp(t, has)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	rival := newApp(t, wants, func(a *v1alpha1.App) { a.Name = app.Name })
	expect(t, rival, status.FailedStatus, conflict)
	patch(t, nsNamed(wants), func(o client.Object) { o.SetLabels(nil) })
	expect(t, rival, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady:      failing(v1alpha1.ReasonNotInOrganization),
		v1alpha1.ConditionRouteReady: failing(v1alpha1.ReasonHostConflict),
	})
	remove(t, app)
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: host.Default(app.Name, baseDomain)}}
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil })
	remove(t, claim)
	awaitAbsent(t, claim)
	mark(t, wants)
	expect(t, rival, status.FailedStatus, conflict)
	absent(t, claim)
}

// A name that leads to a Service of the platform is no tenant's, even if an earlier version served it.
func TestHostInANamespaceOfThePlatform(t *testing.T) {
	t.Parallel()
	ns, other := labelled(t, nil, nil), namespace(t, nil)
	app := newApp(t, ns.Name)
	platforms := newDomain(t, ns.Name, ns.Name+"."+testenv.Namespace, app.Name)
	others := newDomain(t, ns.Name, ns.Name+"."+other, app.Name)
	for _, domain := range []*v1alpha1.Domain{platforms, others} {
		domainStatus(t, domain, func(s *v1alpha1.DomainStatus) { s.URL = host.URL(domain.Spec.Host) })
		awaitCached(t, domain, func(client.Object) bool { return domain.Status.URL != "" })
	}
	mark(t, ns.Name)
	expect(t, platforms, status.FailedStatus, hostReserved)
	expect(t, others, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// A host with invalid punycode stays with the Domain that an earlier version gave it to. No other Domain gets such a host.
func TestHostWithInvalidPunycode(t *testing.T) {
	t.Parallel()
	ns := labelled(t, nil, nil)
	app := newApp(t, ns.Name)
	served := newDomain(t, ns.Name, "xn--a."+ns.Name+".example.net", app.Name)
	domainStatus(t, served, func(s *v1alpha1.DomainStatus) { s.URL = host.URL(served.Spec.Host) })
	awaitCached(t, served, func(client.Object) bool { return served.Status.URL != "" })
	mark(t, ns.Name)
	expect(t, served, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})

	other := newDomain(t, ns.Name, "xn--abc."+ns.Name+".example.net", app.Name)
	expect(t, other, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady: failing(v1alpha1.ReasonHostInvalid), v1alpha1.ConditionRouteReady: failing(v1alpha1.ReasonHostInvalid),
	})
	says(t, other, "xn--abc."+ns.Name+".example.net")
	absent(t, &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: other.Spec.Host}})
	absent(t, routeOf(other))
	patch(t, other, func(client.Object) { other.Spec.Host = "xn--mnchen-3ya." + ns.Name + ".example.net" })
	expect(t, other, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// Organizations that had to prove that they own their hosts still have to.
func TestMigrationKeepsVerification(t *testing.T) {
	t.Parallel()
	ns := labelled(t, nil, nil)
	domain := newDomain(t, ns.Name, "www."+ns.Name+".example.net", "web")
	domainStatus(t, domain, func(s *v1alpha1.DomainStatus) { s.VerifiedHost = domain.Spec.Host })
	awaitCached(t, domain, func(client.Object) bool { return domain.Status.VerifiedHost != "" })
	mark(t, ns.Name)
	org := orgNamed(ns.Name)
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(org), org) })
	if org.Spec.HostVerification != v1alpha1.HostVerificationRequired {
		t.Errorf("hostVerification is %q, want that it is required", org.Spec.HostVerification)
	}
}

// The former route serves alone until the ingress controller can reach Pods by the port that the present one names.
func TestFormerRouteWaitsForThePort(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, _ := newCustomDomain(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	former, _ := asBefore(t, domain)
	app := &v1alpha1.App{ObjectMeta: testobjects.Named(ns, domain.Spec.AppRef.Name)}
	get(t, app)
	service := &corev1.Service{ObjectMeta: testobjects.Named(ns, app.Name)}
	get(t, service)
	applied := ssa.AppliedAt(service)
	for after, want := range map[time.Duration]time.Duration{exposure.HeadStart - time.Second: time.Second, exposure.HeadStart: 0} {
		s := exposure.New(testBase(t, testclock.NewFakePassiveClock(applied.Add(after))))
		v := &exposure.Rotation{Site: resources.DomainSite(domain, s.Platform)}
		v.Site.Route = "not-there"
		if left, err := s.PortLeft(t.Context(), domain, app, v); err != nil || left != want {
			t.Errorf("%s after the Service got its port, the former route %s serves alone for %s more, error %v; want %s", after, former.Name, left, err, want)
		}
		v.Withdrawn = true
		if left, err := s.PortLeft(t.Context(), domain, app, v); err != nil || left > 0 {
			t.Errorf("a certificate that is withdrawn waits for %s, error %v", left, err)
		}
	}
}
