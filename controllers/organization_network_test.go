package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// denied returns the networks that an organization's Pods don't reach.
func denied(ctx context.Context, ns string) ([]string, error) {
	policy := &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, "berth")}
	if err := api.Get(ctx, key(policy), policy); err != nil {
		return nil, err
	}
	var all []string
	for _, peer := range policy.Spec.Egress[0].To {
		if peer.IPBlock != nil {
			all = append(all, peer.IPBlock.Except...)
		}
	}
	return all, nil
}

// awaitDenied waits until an organization's Pods don't reach some networks, or do.
func awaitDenied(t *testing.T, ns string, want bool, networks ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		all, err := denied(ctx, ns)
		if err != nil {
			return err
		}
		for _, n := range networks {
			if slices.Contains(all, n) != want {
				return fmt.Errorf("%s is denied: %t, want %t; all that is: %q", n, !want, want, all)
			}
		}
		return nil
	})
}

// Nodes and API servers come and go, and the policies follow.
func TestOrganizationsDoNotReachThePlatform(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	service := &corev1.Service{ObjectMeta: testobjects.Named(metav1.NamespaceDefault, "kubernetes")}
	get(t, service)
	awaitDenied(t, ns, true, service.Spec.ClusterIP+"/32", "169.254.0.0/16", "fe80::/10")

	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node-" + ns, Annotations: map[string]string{"projectcalico.org/IPv4VXLANTunnelAddr": "10.45.3.64"}},
		Spec:       corev1.NodeSpec{PodCIDR: "10.44.3.0/24", PodCIDRs: []string{"10.44.3.0/24"}},
	}
	create(t, node)
	node.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeHostName, Address: "node"},
		{Type: corev1.NodeInternalIP, Address: "192.0.2.31"},
		{Type: corev1.NodeInternalIP, Address: "2001:db8::31"},
		{Type: corev1.NodeExternalIP, Address: "203.0.113.31"},
	}
	if err := api.Status().Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	awaitDenied(t, ns, true, "192.0.2.31/32", "2001:db8::31/128", "203.0.113.31/32", "10.44.3.0/24", "10.45.3.64/32")

	server := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceDefault, GenerateName: "kubernetes-", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"198.51.100.9"}}},
	}
	create(t, server)
	awaitDenied(t, ns, true, "198.51.100.9/32")
	patch(t, server, func(client.Object) { server.Endpoints[0].Addresses = []string{"198.51.100.10"} })
	awaitDenied(t, ns, true, "198.51.100.10/32")
	awaitDenied(t, ns, false, "198.51.100.9/32")

	remove(t, server)
	remove(t, node)
	awaitDenied(t, ns, false, "192.0.2.31/32", "2001:db8::31/128", "203.0.113.31/32", "10.44.3.0/24", "10.45.3.64/32", "198.51.100.10/32")
}
