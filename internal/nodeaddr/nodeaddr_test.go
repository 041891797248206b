package nodeaddr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/internal/nodeaddr"
)

func TestOf(t *testing.T) {
	t.Parallel()
	annotated := func(value string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"example.com/address": value}}}
	}
	cases := map[string]struct {
		node *corev1.Node
		want []string
	}{
		"None": {node: &corev1.Node{}},
		"Status": {
			node: &corev1.Node{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: "192.0.2.9"},
				{Type: corev1.NodeInternalDNS, Address: "node.example.com"},
				{Type: corev1.NodeInternalIP, Address: "192.0.2.1"},
				{Type: corev1.NodeInternalIP, Address: "::ffff:192.0.2.2"},
				{Type: corev1.NodeExternalIP, Address: "2001:db8::1"},
				{Type: corev1.NodeExternalIP, Address: "none"},
			}}},
			want: []string{"192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128"},
		},
		"Pods": {
			node: &corev1.Node{Spec: corev1.NodeSpec{PodCIDRs: []string{"10.244.3.0/24", "2001:db8:1:3::/64", "none"}}},
			want: []string{"10.244.3.0/24", "2001:db8:1:3::/64"},
		},
		"Calico": {
			node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{
				"projectcalico.org/IPv4Address": "192.0.2.1/24", "projectcalico.org/IPv4VXLANTunnelAddr": "10.244.7.64",
				"projectcalico.org/IPv4IPIPTunnelAddr": "10.244.7.65", "projectcalico.org/IPv6WireguardInterfaceAddr": "fd00::7",
				"projectcalico.org/WireguardPublicKey": "jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=",
			}}},
			want: []string{"10.244.7.64/32", "10.244.7.65/32", "192.0.2.1/32", "fd00::7/128"},
		},
		"Cilium":      {node: annotated("10.0.1.73"), want: []string{"10.0.1.73/32"}},
		"Flannel":     {node: annotated(`{"VNI":1,"VtepMAC":"0a:58:0a:f4:00:00"}`)},
		"List":        {node: annotated("192.0.2.1, 2001:db8::1"), want: []string{"192.0.2.1/32", "2001:db8::1/128"}},
		"Zone":        {node: annotated("fe80::1%eth0"), want: []string{"fe80::1/128"}},
		"NoList":      {node: annotated("192.0.2.1, and others")},
		"Number":      {node: annotated("0")},
		"Unspecified": {node: annotated("0.0.0.0/0")},
		"Empty":       {node: annotated("")},
		"TooLong":     {node: annotated(strings.Repeat("192.0.2.1,", 100) + "192.0.2.1")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, node := range map[string]*corev1.Node{"whole": tc.node, "kept": nodeaddr.Keep(tc.node)} {
				var got []string
				for _, network := range nodeaddr.Of(node) {
					got = append(got, network.String())
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("of the %s Node (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// What a cache keeps of a Node is as small as the addresses are.
func TestKeep(t *testing.T) {
	t.Parallel()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: "one", UID: "1-2-3", ResourceVersion: "7", Labels: map[string]string{"zone": "a"},
			Annotations:   map[string]string{"example.com/address": "192.0.2.1", "example.com/text": strings.Repeat("text", 100)},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
		},
		Status: corev1.NodeStatus{Images: []corev1.ContainerImage{{Names: []string{"nginx"}}}},
	}
	want := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "one", UID: "1-2-3", ResourceVersion: "7", Annotations: map[string]string{"example.com/address": "192.0.2.1"},
	}}
	if diff := cmp.Diff(want, nodeaddr.Keep(node)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestSingle(t *testing.T) {
	t.Parallel()
	if got, want := fmt.Sprint(nodeaddr.Single("None", "", "10.96.0.1", "fd00::1")), "[10.96.0.1/32 fd00::1/128]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
