package organization

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/nodeaddr"
)

// isolated returns what the platform says about isolation with the addresses of the API server and of all nodes, as they are now.
func (r *Reconciler) isolated(ctx context.Context) (resources.Network, error) {
	n := r.network
	denied, apiServers, err := platformAddresses(ctx, r.Client, n.IsRouterPort)
	n.Denied, n.APIServers = slices.Concat(n.Denied, denied), apiServers
	return n, err
}

// PlatformNetworks returns a function that returns the networks of the API server and of all nodes, as they are when it is called.
func PlatformNetworks(reader client.Reader) func(context.Context) ([]netip.Prefix, error) {
	return func(ctx context.Context) ([]netip.Prefix, error) {
		denied, _, err := platformAddresses(ctx, reader, func(int32) bool { return false })
		return denied, err
	}
}

// platformAddresses returns the addresses of the API server and of all nodes with their Pods, and those at which an API server answers at a port of
// routers.
func platformAddresses(ctx context.Context, reader client.Reader, isRouterPort func(int32) bool) (denied, apiServers []netip.Prefix, err error) {
	service := &corev1.Service{}
	err = reader.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: objects.APIServer}, service)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, nil, err
	}
	apiServers = addresses(service)
	var endpoints discoveryv1.EndpointSliceList
	if err := reader.List(ctx, &endpoints, client.InNamespace(metav1.NamespaceDefault)); err != nil {
		return nil, nil, err
	}
	for _, s := range endpoints.Items {
		denied = append(denied, addresses(&s)...)
		apiServers = append(apiServers, likeRouters(&s, isRouterPort)...)
	}
	denied = append(denied, apiServers...)
	var nodes corev1.NodeList
	if err := reader.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, err
	}
	for i := range nodes.Items {
		denied = append(denied, nodeaddr.Of(&nodes.Items[i])...)
	}
	return denied, apiServers, nil
}

// addresses returns the addresses of an object that organizations don't reach: of the API server's Service and endpoints, and of nodes.
func addresses(o client.Object) []netip.Prefix {
	switch o := o.(type) {
	case *corev1.Service:
		if objects.IsAPIServer(o) {
			return nodeaddr.Single(o.Spec.ClusterIPs...)
		}
	case *discoveryv1.EndpointSlice:
		var found []netip.Prefix
		for _, e := range o.Endpoints {
			found = append(found, nodeaddr.Single(e.Addresses...)...)
		}
		return found
	case *corev1.Node:
		return nodeaddr.Of(o)
	}
	return nil
}

// likeRouters returns the addresses of an object at which an API server answers at a port of routers. At another port, routers may have the same
// address: that of a node, say.
func likeRouters(o client.Object, isRouterPort func(int32) bool) []netip.Prefix {
	endpoints, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return nil
	}
	asRouters := func(p discoveryv1.EndpointPort) bool { return p.Port != nil && isRouterPort(*p.Port) }
	if !slices.ContainsFunc(endpoints.Ports, asRouters) {
		return nil
	}
	return addresses(endpoints)
}
