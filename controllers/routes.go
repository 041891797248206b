package controllers

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/host"
)

// A host must have one route. Of two Ingresses with the same host, an ingress controller serves one, and tenants can influence which. A route
// therefore goes before its host is given to another organization, whatever keeps its owner from going.

// eventRouteRemoved is the reason of an event that the route of a host was removed, and eventUnroute its action.
const (
	eventRouteRemoved = "RouteRemoved"
	eventUnroute      = "RemoveRoute"
)

// isRoute reports whether an Ingress is the route of an App or a Domain, or has been.
func isRoute(ingress *networkingv1.Ingress) bool { return isOurs(ingress) || isOrphaned(ingress) }

// routeHosts returns the hosts of Berth's Ingresses. The cache holds them as those of spec.tls.
func routeHosts(ingress *networkingv1.Ingress) []string {
	if !isRoute(ingress) {
		return nil
	}
	var all []string
	for _, tls := range ingress.Spec.TLS {
		for _, name := range tls.Hosts {
			all = append(all, host.Normalize(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func routeHostsOf(o client.Object) []string {
	ingress, ok := o.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	return routeHosts(ingress)
}

// routesEnd lets through that an Ingress is gone, or has lost a host.
var routesEnd = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		after := routeHostsOf(e.ObjectNew)
		return slices.ContainsFunc(routeHostsOf(e.ObjectOld), func(name string) bool { return !slices.Contains(after, name) })
	},
}

// ofRoute enqueues the Apps or Domains that ask for a host of a route, since one may wait until the route is gone.
func (s sites) ofRoute(list func() client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		var all []reconcile.Request
		for _, name := range routeHostsOf(o) {
			all = append(all, requests(ctx, s.client, list(), metav1.NamespaceAll, client.MatchingFields{indexHost: name})...)
		}
		return all
	})
}

// routesOf returns the routes that Berth has made for a host.
func (s sites) routesOf(ctx context.Context, name string) ([]networkingv1.Ingress, error) {
	var list networkingv1.IngressList
	// It does not wait for other workers' Ingresses to arrive in the cache: those of other organizations are not made before the claim is theirs.
	err := indexed(ctx, s.client, &list, metav1.NamespaceAll, indexRoute, name)
	return list.Items, err
}

// routedElsewhere reports whether a host still has a route in another Namespace than that of an organization.
func (s sites) routedElsewhere(ctx context.Context, name, organization string) (bool, error) {
	routes, err := s.routesOf(ctx, name)
	return slices.ContainsFunc(routes, func(i networkingv1.Ingress) bool { return i.GetNamespace() != organization }), err
}

// end removes the route of an App or Domain that is being deleted, and its certificates, as soon as its deletion has begun: a finalizer can keep the
// owner for any time, and its claim of the host ends now. The garbage collector removes the rest once the owner is gone.
func (s sites) end(ctx context.Context, owner status.Object, site desired.Site) (reconcile.Result, error) {
	outcome := phase.Run(ctx, owner,
		phase.Phase[status.Object]{Name: phaseOrganization, Gate: true, Run: func(ctx context.Context, o status.Object) error {
			return s.requireWritable(ctx, o.GetNamespace())
		}},
		phase.Phase[status.Object]{Name: "route", Run: func(ctx context.Context, o status.Object) error { return s.removeRoute(ctx, o, site) }},
	)
	return outcome.Result()
}

// removeRoute removes the route of a site and its certificates, and tells that if there was a route.
func (s sites) removeRoute(ctx context.Context, owner status.Object, site desired.Site) error {
	present, err := s.hostsRouted(ctx, owner, site)
	if err != nil {
		return err
	}
	former, err := s.hostsRouted(ctx, owner, site.Former())
	if err != nil {
		return err
	}
	hosts := slices.Concat(present, former)
	if err := s.remove(ctx, owner, site); err != nil || len(hosts) == 0 {
		return err
	}
	s.tellRemoved(ctx, owner, hosts, "it is being deleted")
	return nil
}

// unrouteFormerHost removes the route of a site if it leads another host here, which the owner does not ask for any more. The phases that follow make
// the route of the present host, but something may keep them from it.
func (s sites) unrouteFormerHost(ctx context.Context, owner status.Object, site desired.Site) error {
	for _, at := range []desired.Site{site, site.Former()} {
		hosts, err := s.hostsRouted(ctx, owner, at)
		if err != nil {
			return err
		}
		if len(hosts) == 0 || slices.Contains(hosts, site.Host) {
			continue
		}
		if err := s.router.Unroute(ctx, owner, at); err != nil {
			return err
		}
		s.tellRemoved(ctx, owner, hosts, "it asks for another host")
	}
	return nil
}

// hostsRouted returns the hosts of the route that an owner has for a site; none if it has no route.
func (s sites) hostsRouted(ctx context.Context, owner status.Object, site desired.Site) ([]string, error) {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Route}}
	has, err := ssa.Has(ctx, s.client, owner, ingress)
	if err != nil || !has {
		return nil, err
	}
	return routeHosts(ingress), nil
}

// tellRemoved logs, and tells in an event, that the route of an App or Domain was removed.
func (s sites) tellRemoved(ctx context.Context, owner status.Object, hosts []string, why string) {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	log.FromContext(ctx).Info("Removed a route", "hosts", hosts, "reason", why)
	s.recorder.Eventf(owner, nil, corev1.EventTypeNormal, eventRouteRemoved, eventUnroute,
		"Removed the route of %s, since %s.", strings.Join(hosts, ", "), why)
}

// routeAgain is when it is looked at again whether a route is gone, of which the watches usually tell.
const routeAgain = time.Minute
