package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/names"
)

// keep gives an object a finalizer that nothing removes until the end of the test.
func keep[O client.Object](t *testing.T, o O, finalizer string) {
	t.Helper()
	patch(t, o, func(o client.Object) { o.SetFinalizers([]string{finalizer}) })
	t.Cleanup(func() {
		// The context of the test has ended.
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		_ = client.IgnoreNotFound(api.Patch(context.Background(), o, patch))
	})
}

// siteObjects are what the route of an App or a Domain consists of.
func siteObjects(owner client.Object) []client.Object {
	certificate := &cmv1.Certificate{ObjectMeta: testobjects.Named(owner.GetNamespace(), owner.GetName())}
	if _, ok := owner.(*v1alpha1.Domain); ok {
		certificate.Name = names.DomainObject(owner.GetName())
	}
	return []client.Object{routeOf(owner), certificate, tlsSecret(owner), copyOf(owner)}
}

// awaitAnnounced waits for an event in a Namespace.
func awaitAnnounced(t *testing.T, ns, want string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if got, err := announced(ctx, ns); err != nil || !slices.Contains(got, want) {
			return fmt.Errorf("the events are %q (error: %w), want %q", got, err, want)
		}
		return nil
	})
}

// An App or Domain that something keeps from going has no route from the moment on when it begins to go, and its host can be had by another organization.
func TestFinalizersKeepNoRoute(t *testing.T) {
	t.Parallel()
	makes := map[string]func(t *testing.T, ns string) client.Object{
		"App":    func(t *testing.T, ns string) client.Object { t.Helper(); return running(t, ns) },
		"Domain": func(t *testing.T, ns string) client.Object { t.Helper(); return newServedDomain(t, ns) },
		"CustomDomain": func(t *testing.T, ns string) client.Object {
			t.Helper()
			domain, _ := newCustomDomain(t, ns)
			return domain
		},
	}
	finalizers := []string{"example.com/keep", metav1.FinalizerDeleteDependents, metav1.FinalizerOrphanDependents}
	for kind, newOwner := range makes {
		for _, finalizer := range finalizers {
			t.Run(kind+"/"+finalizer, func(t *testing.T) {
				t.Parallel()
				ns, other := organization(t), organization(t)
				owner := newOwner(t, ns)
				keep(t, owner, finalizer)
				remove(t, owner)
				for _, o := range siteObjects(owner) {
					awaitAbsent(t, o)
				}
				awaitAnnounced(t, ns, "Normal RouteRemoved")
				get(t, owner) // It is still there.

				name := host.Default(owner.GetName(), baseDomain)
				if domain, ok := owner.(*v1alpha1.Domain); ok {
					name = domain.Spec.Host
				}
				claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
				awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil })
				remove(t, claim)
				var next hasConditions
				if kind == "App" {
					next = newApp(t, other, func(a *v1alpha1.App) { a.Name = owner.GetName() })
				} else {
					next = newDomain(t, other, name, newApp(t, other).Name)
				}
				expect(t, next, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
				get(t, routeOf(next))
				settle()
				absent(t, routeOf(owner))
			})
		}
	}
}

// newRoute makes an Ingress as Berth makes them, of an owner that the tests don't have.
func newRoute(t *testing.T, ns, host string) *networkingv1.Ingress {
	t.Helper()
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "route-"}}
	gone := &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Name: "gone", UID: "6f1e6b0e-0000-4000-8000-000000000000"}}
	ingress.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(gone, v1alpha1.GroupVersion.WithKind("Domain"))}
	ingress.Spec.Rules = []networkingv1.IngressRule{{Host: host}}
	ingress.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{host}}}
	create(t, ingress)
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(ingress), &networkingv1.Ingress{}) })
	return ingress
}

// While a host has a route in another Namespace, an organization that claims it gets the claim and no route.
func TestHostWithARouteElsewhere(t *testing.T) {
	t.Parallel()
	claims := map[string]func(host, ns, domain string) *v1alpha1.HostClaim{
		"Free":  nil,
		"Held":  func(name, ns, _ string) *v1alpha1.HostClaim { return claimFor(name, ns, "", heldFor(time.Hour)) },
		"Bound": func(name, ns, domain string) *v1alpha1.HostClaim { return claimFor(name, ns, domain, bound) },
	}
	for name, newClaim := range claims {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, elsewhere := organization(t), organization(t)
			app := newApp(t, ns)
			domain := &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, "www"), Spec: v1alpha1.DomainSpec{
				Host: "www." + ns + ".example.com", AppRef: v1alpha1.AppRef{Name: app.Name},
			}}
			route := newRoute(t, elsewhere, domain.Spec.Host)
			if newClaim != nil {
				create(t, newClaim(domain.Spec.Host, ns, domain.Name))
			}
			create(t, domain)
			says(t, domain, "still has a route from before")
			expect(t, domain, status.InProgressStatus, map[string]condition{
				v1alpha1.ConditionReady: working, v1alpha1.ConditionRouteReady: working, v1alpha1.ConditionCertificateReady: pending,
			})
			claim := existingClaim(t, domain.Spec.Host)
			awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.Organization == ns && s.BoundAt != nil })
			absent(t, routeOf(domain))
			remove(t, route)
			expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
		})
	}
}

func heldFor(left time.Duration) func(*v1alpha1.HostClaim) {
	return func(c *v1alpha1.HostClaim) {
		c.Spec.Holder, c.Spec.HeldUntil = nil, new(metav1.NewTime(time.Now().Add(left)))
	}
}

func bound(c *v1alpha1.HostClaim) { c.Spec.BoundAt = new(metav1.Now()) }

// A host whose hold has ended is not free while it has a route.
func TestHoldOutlivesItsRoute(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	name := "held." + ns + ".example.com"
	route := newRoute(t, ns, name)
	claim := claimFor(name, ns, "", heldFor(-time.Second))
	create(t, claim)
	awaitAnnounced(t, metav1.NamespaceDefault, "Normal HostStillRouted")
	settle()
	get(t, claim)
	remove(t, route)
	awaitAbsent(t, claim)
}

// A Domain that asks for another host has no route for the one before, even if nothing can be made for the new one.
func TestRouteOfAFormerHost(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	former := domain.Spec.Host
	patch(t, domain, func(client.Object) { domain.Spec.Host, domain.Spec.AppRef.Name = "new."+ns+".example.com", "none" })
	awaitAbsent(t, routeOf(domain))
	awaitAnnounced(t, ns, "Normal RouteRemoved")
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: former}}
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil })
	patch(t, domain, func(client.Object) { domain.Spec.AppRef.Name = "app-" + ns[len(ns)-5:] })
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	route := routeOf(domain)
	get(t, route)
	if got := route.Spec.Rules[0].Host; got != domain.Spec.Host {
		t.Errorf("the route is of %s, want %s", got, domain.Spec.Host)
	}
}
