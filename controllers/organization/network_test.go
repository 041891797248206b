package organization

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

var isRouterPort = resources.Network{RouterPorts: resources.RouterPorts}.IsRouterPort

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
	other := &corev1.Service{ObjectMeta: testobjects.Named("shop", "web"), Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.9"}}}
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
