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
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/berth-dev/berth/controllers/internal/desired"
)

var isRouterPort = desired.Network{RouterPorts: desired.RouterPorts}.IsRouterPort

// denied returns the networks that an organization's Pods don't reach.
func denied(ctx context.Context, ns string) ([]string, error) {
	policy := &networkingv1.NetworkPolicy{ObjectMeta: named(ns, "berth")}
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
	service := &corev1.Service{ObjectMeta: named(metav1.NamespaceDefault, "kubernetes")}
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

// An API server that answers where routers do stays out of reach wherever routers are; one at another port may share a router's address.
func TestIsolatedAPIServers(t *testing.T) {
	t.Parallel()
	at := func(port *int32) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.3.4"}}}, Ports: []discoveryv1.EndpointPort{{Port: port}},
		}
	}
	for port, want := range map[int32]int{80: 1, 443: 1, 6443: 0} {
		if got := likeRouters(at(new(port)), isRouterPort); len(got) != want {
			t.Errorf("of an API server at port %d: %v, want %d", port, got, want)
		}
	}
	if got := likeRouters(at(nil), isRouterPort); got != nil {
		t.Errorf("of an API server at no port: %v", got)
	}
	if !addressesChanged(isRouterPort).Update(event.UpdateEvent{ObjectOld: at(new(int32(6443))), ObjectNew: at(new(int32(443)))}) {
		t.Error("another port isn't let through")
	}
}

// Node heartbeats wake nobody.
func TestAddressesChanged(t *testing.T) {
	t.Parallel()
	node := func(address string, ready corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{Status: corev1.NodeStatus{
			Addresses:  []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
		}}
	}
	other := &corev1.Service{ObjectMeta: named("shop", "web"), Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.9"}}}
	if got := addressesChanged(isRouterPort).Update(event.UpdateEvent{ObjectOld: node("192.0.2.1", "True"), ObjectNew: node("192.0.2.1", "False")}); got {
		t.Error("a heartbeat is let through")
	}
	if got := addressesChanged(isRouterPort).Update(event.UpdateEvent{ObjectOld: node("192.0.2.1", "True"), ObjectNew: node("192.0.2.2", "True")}); !got {
		t.Error("another address isn't let through")
	}
	if got := addressesChanged(isRouterPort).Update(event.UpdateEvent{ObjectOld: other, ObjectNew: other}); got {
		t.Error("a Service that isn't the API server's is let through")
	}
}
