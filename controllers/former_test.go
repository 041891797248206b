package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/names"
)

// asBefore makes the route of an App or a Domain, and its copy if it has one, once more under the names that they had before.
func asBefore(t *testing.T, owner client.Object) (*networkingv1.Ingress, *corev1.Secret) {
	t.Helper()
	routeName, copyName := owner.GetName(), names.FormerCustomSecret(owner.GetName())
	if _, ok := owner.(*v1alpha1.Domain); ok {
		routeName, copyName = names.DomainObject(owner.GetName()), names.FormerDomainCustomSecret(owner.GetName())
	}
	route, copied := routeOf(owner), copyOf(owner)
	if err := client.IgnoreNotFound(api.Get(t.Context(), key(copied), copied)); err != nil {
		t.Fatal(err)
	}
	get(t, route)
	meta := func(o metav1.Object, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: name, Labels: o.GetLabels(), OwnerReferences: o.GetOwnerReferences()}
	}
	former := &networkingv1.Ingress{ObjectMeta: meta(route, routeName), Spec: route.Spec}
	if copied.UID == "" {
		create(t, former)
		return former, nil
	}
	formerCopy := &corev1.Secret{ObjectMeta: meta(copied, copyName), Type: copied.Type, Data: copied.Data}
	create(t, formerCopy)
	former.Spec.TLS[0].SecretName = copyName
	create(t, former)
	eventually(t, func(ctx context.Context) error {
		return errors.Join(cached.Get(ctx, key(former), former.DeepCopy()), cached.Get(ctx, key(formerCopy), formerCopy.DeepCopy()))
	})
	return former, formerCopy
}

// reconcileAt reconciles a Domain at a time, and returns what was told of it in events.
func reconcileAt(t *testing.T, domain *v1alpha1.Domain, now clock.PassiveClock) (after time.Duration, told []string) {
	t.Helper()
	recorder := events.NewFakeRecorder(10)
	b := testBase(t, now)
	b.Recorder = recorder
	after = reconcileBy(t, b, domain).RequeueAfter
	for len(recorder.Events) > 0 {
		told = append(told, <-recorder.Events)
	}
	return after, told
}

// What an earlier version has made goes when its successors have been there for a while: first the route, then the copy that it names.
func TestFormerNamesAreRetired(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, _ := newCustomDomain(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	guard(t, domain)
	former, formerCopy := asBefore(t, domain)
	route := routeOf(domain)
	get(t, route)
	at := func(d time.Duration) clock.PassiveClock { return testclock.NewFakePassiveClock(time.Now().Add(d)) }

	after, told := reconcileAt(t, domain, testclock.NewFakePassiveClock(route.CreationTimestamp.Add(exposure.Overlap-time.Second)))
	if after <= 0 || after > exposure.Overlap || len(told) != 0 {
		t.Errorf("before the route may go, it is looked at again after %s and told %q", after, told)
	}
	get(t, former)
	get(t, formerCopy)

	_, told = reconcileAt(t, domain, at(later))
	if len(told) != 1 || !strings.Contains(told[0], v1alpha1.ReasonRenamed) || !strings.Contains(told[0], route.Name) {
		t.Errorf("told %q, want an event with the reason Renamed", told)
	}
	awaitAbsent(t, former)
	get(t, formerCopy)
	eventually(t, func(ctx context.Context) error {
		if err := cached.Get(ctx, key(former), former.DeepCopy()); !apierrors.IsNotFound(err) {
			return errNotYet
		}
		return nil
	})
	reconcileAt(t, domain, at(later+exposure.Overlap))
	awaitAbsent(t, formerCopy)
	expect(t, domain, status.CurrentStatus, ready)
}

// The first reconcile after an upgrade goes on with what the former route serves, even if the user's Secret is gone.
func TestUpgradeKeepsWhatIsServed(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, source := newCustomDomain(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	asBefore(t, domain)
	remove(t, source)
	missing := map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonSecretNotFound)}
	expect(t, domain, status.FailedStatus, missing)

	copied := copyOf(domain)
	get(t, copied)
	gone := copied.UID
	remove(t, routeOf(domain))
	remove(t, copied)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(copied), copied); err != nil {
			return err
		}
		if copied.UID == gone {
			return errNotYet
		}
		return holds(copied, source)
	})
	awaitOwned(t, copied, domain)
	awaitServed(t, domain, copied.Name)
	expect(t, domain, status.FailedStatus, missing)
	awaitCertificate(t, domain, v1alpha1.CertificateCustom, source)
}

// An App that was served under its own name gets its route anew, and the former one goes.
func TestUpgradeOfAnApp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	former, _ := asBefore(t, app)
	remove(t, routeOf(app))
	awaitServed(t, app, tlsSecret(app).Name)
	get(t, former)
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(former), former.DeepCopy()) })
	reconcileApp(t, app, testclock.NewFakePassiveClock(time.Now().Add(later)))
	awaitAbsent(t, former)
	get(t, routeOf(app))
}

// A Domain gives up its host under both names.
func TestFormerRouteIsGivenUp(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, _ := newCustomDomain(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	former, formerCopy := asBefore(t, domain)
	patch(t, domain, func(client.Object) { domain.Spec.Host = "reserved." + baseDomain })
	for _, o := range []client.Object{former, formerCopy, routeOf(domain), copyOf(domain)} {
		awaitAbsent(t, o)
	}
}

// Until a site has the copy of its present name, what is served is the former one.
func TestLookReadsTheFormerCopy(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain, _ := newCustomDomain(t, ns)
	expect(t, domain, status.CurrentStatus, ready)
	asBefore(t, domain)
	b := testBase(t, clock.RealClock{})
	site := resources.DomainSite(domain, b.Platform)
	site.CustomSecret, site.Route = "not-there", "neither-there"
	v, err := exposure.New(b).Observe(t.Context(), domain, site)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Routed || v.Secret != site.CustomSecret || v.Next != site.CustomSecret || !v.IsUsable() {
		t.Errorf("served is %s (routed: %t, good: %t), next %s, want a good %s", v.Secret, v.Routed, v.IsUsable(), v.Next, site.CustomSecret)
	}
}

// pickyRouter refuses a route while a former one has its host, as ingress-nginx does.
type pickyRouter struct {
	former string
	routes map[string]bool
}

func (r *pickyRouter) Route(_ context.Context, _ metav1.Object, site resources.Site, _ string) error {
	if r.routes[r.former] && site.Route != r.former {
		return apierrors.NewBadRequest("the host is already defined in another Ingress")
	}
	r.routes[site.Route] = true
	return nil
}

func (*pickyRouter) Serves(context.Context, metav1.Object, resources.Site) (string, time.Time, error) {
	return "", time.Time{}, nil
}

func (r *pickyRouter) RoutedSince(_ context.Context, _ metav1.Object, site resources.Site) (time.Time, error) {
	if r.routes[site.Route] {
		return time.Unix(1, 0), nil
	}
	return time.Time{}, nil
}

func (r *pickyRouter) Unroute(_ context.Context, _ metav1.Object, site resources.Site) error {
	delete(r.routes, site.Route)
	return nil
}

// Where the ingress controller admits no second route of a host, the former one goes first.
func TestRouteWhereOnlyOneIsAdmitted(t *testing.T) {
	t.Parallel()
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "nowhere", Name: "web", UID: "1a2b3c4d-0000-4000-8000-000000000000"}}
	site := resources.AppSite(app, testOptions().platform())
	router := &pickyRouter{former: "web", routes: map[string]bool{"web": true}}
	s := exposure.Exposures{Base: testBase(t, clock.RealClock{}), Router: router}
	if err := s.Route(t.Context(), app, app, &exposure.Rotation{Site: site, Next: site.TLSSecret}); err != nil || !router.routes["web"] {
		t.Fatalf("before the Service has its port, the routes are %v, error %v; want the former one", router.routes, err)
	}
	if err := s.RouteInstead(t.Context(), app, &exposure.Rotation{Site: site, Next: site.TLSSecret}, apierrors.NewBadRequest("")); err != nil {
		t.Fatal(err)
	}
	if !router.routes[site.Route] || router.routes["web"] {
		t.Errorf("the routes are %v, want %s alone", router.routes, site.Route)
	}
	other := &pickyRouter{former: "theirs", routes: map[string]bool{"theirs": true}}
	s.Router = other
	if err := s.Route(t.Context(), app, app, &exposure.Rotation{Site: site, Next: site.TLSSecret}); !apierrors.IsBadRequest(err) {
		t.Errorf("with the route of somebody else in the way: %v, want the refusal", err)
	}
}
