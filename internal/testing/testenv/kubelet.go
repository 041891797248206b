package testenv

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// StartKubelet makes a node whose kubelet is this handler, for the API server to ask for the output of Pods, and returns the node's name. The
// kubelet serves until the test ends.
func StartKubelet(tb testing.TB, c client.Client, kubelet http.Handler) (node string) {
	tb.Helper()
	server := httptest.NewTLSServer(kubelet)
	tb.Cleanup(func() {
		server.CloseClientConnections() // Or Close waits for those who follow.
		server.Close()
	})
	address, ok := server.Listener.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatalf("the kubelet listens at %s", server.Listener.Addr())
	}
	return NewNode(tb, c, int32(address.Port)) //nolint:gosec // A port has 16 bits.
}

// NewNode makes a node whose kubelet is said to listen on a port of this machine, and returns its name.
func NewNode(tb testing.TB, c client.Client, port int32) string {
	tb.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	if err := c.Create(tb.Context(), node); err != nil {
		tb.Fatal(err)
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = port
	if err := c.Status().Update(tb.Context(), node); err != nil {
		tb.Fatal(err)
	}
	return node.Name
}
