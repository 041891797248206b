package controllers

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/desired"
)

// apiServer is the name of the Service through which Pods reach the API server, in the Namespace default.
const apiServer = "kubernetes"

func isAPIServer(o metav1.Object) bool {
	return o.GetNamespace() == metav1.NamespaceDefault && o.GetName() == apiServer
}

// isolated returns what the platform says about isolation with the addresses of the API server and of all nodes, as they are now.
func (r *organizationReconciler) isolated(ctx context.Context) (desired.Network, error) {
	n := r.network
	n.Denied = slices.Clone(n.Denied)
	service := &corev1.Service{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: apiServer}, service)
	if err != nil && !apierrors.IsNotFound(err) {
		return n, err
	}
	n.Denied = append(n.Denied, addresses(service)...)
	var endpoints discoveryv1.EndpointSliceList
	if err := r.client.List(ctx, &endpoints, client.InNamespace(metav1.NamespaceDefault)); err != nil {
		return n, err
	}
	for _, s := range endpoints.Items {
		n.Denied = append(n.Denied, addresses(&s)...)
	}
	var nodes corev1.NodeList
	if err := r.client.List(ctx, &nodes); err != nil {
		return n, err
	}
	for _, node := range nodes.Items {
		n.Denied = append(n.Denied, addresses(&node)...)
	}
	return n, nil
}

// addresses returns the addresses of an object that organizations don't reach: of the API server's Service and endpoints, and of nodes.
func addresses(o client.Object) []netip.Prefix {
	switch o := o.(type) {
	case *corev1.Service:
		if isAPIServer(o) {
			return single(o.Spec.ClusterIPs...)
		}
	case *discoveryv1.EndpointSlice:
		var found []netip.Prefix
		for _, e := range o.Endpoints {
			found = append(found, single(e.Addresses...)...)
		}
		return found
	case *corev1.Node:
		return nodeAddresses(o)
	}
	return nil
}

// nodeAddresses returns the addresses of a Node, and the first one of each network that its Pods have theirs from: where they are joined by
// a bridge, that is the node's own, by which Pods reach all that listens on it. Where they are not, it is nobody's or a Pod's, and Pods are
// let through as such.
func nodeAddresses(node *corev1.Node) []netip.Prefix {
	var found []netip.Prefix
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			found = append(found, single(a.Address)...)
		}
	}
	for _, cidr := range node.Spec.PodCIDRs {
		if network, err := netip.ParsePrefix(cidr); err == nil {
			found = append(found, alone(network.Masked().Addr().Next()))
		}
	}
	return found
}

// single returns the networks that hold one address each. What is no address, such as the "None" of a Service without one, is left out.
func single(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			found = append(found, alone(a.Unmap()))
		}
	}
	return found
}

func alone(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
