package exposure

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

	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// A host must have one route. Of two Ingresses with the same host, an ingress controller serves one, and tenants can influence which. A route
// therefore goes before its host is given to another organization, whatever keeps its owner from going.

// eventRouteRemoved is the reason of an event that the route of a host was removed, and eventUnroute its action.
const (
	eventRouteRemoved = "RouteRemoved"
	eventUnroute      = "RemoveRoute"
)

// RoutesEnd lets through that an Ingress is gone, or has lost a host.
var RoutesEnd = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		after := objects.RouteHostsOf(e.ObjectNew)
		return slices.ContainsFunc(objects.RouteHostsOf(e.ObjectOld), func(name string) bool { return !slices.Contains(after, name) })
	},
}

// OfRoute enqueues the Apps or Domains that ask for a host of a route, since one may wait until the route is gone.
func (s Exposures) OfRoute(list func() client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		var all []reconcile.Request
		for _, name := range objects.RouteHostsOf(o) {
			all = append(all, watches.Requests(ctx, s.Client, list(), metav1.NamespaceAll, client.MatchingFields{watches.IndexHost: name})...)
		}
		return all
	})
}

// RoutesOf returns the routes that Berth has made for a host.
func (s Exposures) RoutesOf(ctx context.Context, name string) ([]networkingv1.Ingress, error) {
	var list networkingv1.IngressList
	// It does not wait for other workers' Ingresses to arrive in the cache: those of other organizations are not made before the claim is theirs.
	err := watches.Indexed(ctx, s.Client, &list, metav1.NamespaceAll, watches.IndexRoute, name)
	return list.Items, err
}

// routedElsewhere reports whether a host still has a route in another Namespace than that of an organization.
func (s Exposures) routedElsewhere(ctx context.Context, name, organization string) (bool, error) {
	routes, err := s.RoutesOf(ctx, name)
	return slices.ContainsFunc(routes, func(i networkingv1.Ingress) bool { return i.GetNamespace() != organization }), err
}

// End removes the route of an App or Domain that is being deleted, and its certificates, as soon as its deletion has begun: a finalizer can keep the
// owner for any time, and its claim of the host ends now. The garbage collector removes the rest once the owner is gone.
func (s Exposures) End(ctx context.Context, owner conditions.Object, site resources.Site) (reconcile.Result, error) {
	outcome := phase.Run(ctx, owner,
		phase.Phase[conditions.Object]{Name: reconciler.PhaseOrganization, Gate: true, Run: func(ctx context.Context, o conditions.Object) error {
			return s.RequireWritable(ctx, o.GetNamespace())
		}},
		phase.Phase[conditions.Object]{Name: "route", Run: func(ctx context.Context, o conditions.Object) error { return s.removeRoute(ctx, o, site) }},
	)
	return outcome.Result()
}

// removeRoute removes the route of a site and its certificates, and tells that if there was a route.
func (s Exposures) removeRoute(ctx context.Context, owner conditions.Object, site resources.Site) error {
	present, err := s.hostsRouted(ctx, owner, site)
	if err != nil {
		return err
	}
	former, err := s.hostsRouted(ctx, owner, site.Former())
	if err != nil {
		return err
	}
	hosts := slices.Concat(present, former)
	if err := s.Remove(ctx, owner, site); err != nil || len(hosts) == 0 {
		return err
	}
	s.tellRemoved(ctx, owner, hosts, "it is being deleted")
	return nil
}

// UnrouteFormerHost removes the route of a site if it leads another host here, which the owner does not ask for any more. The phases that follow make
// the route of the present host, but something may keep them from it.
func (s Exposures) UnrouteFormerHost(ctx context.Context, owner conditions.Object, site resources.Site) error {
	for _, at := range []resources.Site{site, site.Former()} {
		hosts, err := s.hostsRouted(ctx, owner, at)
		if err != nil {
			return err
		}
		if len(hosts) == 0 || slices.Contains(hosts, site.Host) {
			continue
		}
		if err := s.Router.Unroute(ctx, owner, at); err != nil {
			return err
		}
		s.tellRemoved(ctx, owner, hosts, "it asks for another host")
	}
	return nil
}

// hostsRouted returns the hosts of the route that an owner has for a site; none if it has no route.
func (s Exposures) hostsRouted(ctx context.Context, owner conditions.Object, site resources.Site) ([]string, error) {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: site.Namespace, Name: site.Route}}
	has, err := ssa.Has(ctx, s.Client, owner, ingress)
	if err != nil || !has {
		return nil, err
	}
	return objects.RouteHosts(ingress), nil
}

// tellRemoved logs, and tells in an event, that the route of an App or Domain was removed.
func (s Exposures) tellRemoved(ctx context.Context, owner conditions.Object, hosts []string, why string) {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	log.FromContext(ctx).Info("Removed a route", "hosts", hosts, "reason", why)
	s.Recorder.Eventf(owner, nil, corev1.EventTypeNormal, eventRouteRemoved, eventUnroute,
		"Removed the route of %s, since %s.", strings.Join(hosts, ", "), why)
}

// RouteAgain is when it is looked at again whether a route is gone, of which the watches usually tell.
const RouteAgain = time.Minute
