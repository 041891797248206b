// Package nodeaddr knows which addresses belong to a node of the cluster, and to its Pods.
package nodeaddr

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Of returns the addresses of a Node and the networks that its Pods have their addresses from.
//
// Network plugins give a node further addresses, such as that of a tunnel, at which the kubelet and all NodePorts answer as well. They write them into
// annotations of the Node, so every annotation that is an address counts.
func Of(node *corev1.Node) []netip.Prefix {
	var found []netip.Prefix
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP || a.Type == corev1.NodeExternalIP {
			found = append(found, Single(a.Address)...)
		}
	}
	found = append(found, annotated(node.Annotations)...)
	for _, cidr := range node.Spec.PodCIDRs {
		if network, err := netip.ParsePrefix(cidr); err == nil {
			found = append(found, network.Masked())
		}
	}
	return found
}

// Keep returns a Node with nothing but its identity and what Of reads.
func Keep(node *corev1.Node) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion, CreationTimestamp: node.CreationTimestamp,
			DeletionTimestamp: node.DeletionTimestamp, Annotations: withAddresses(node.Annotations),
		},
		Spec:   corev1.NodeSpec{PodCIDRs: node.Spec.PodCIDRs},
		Status: corev1.NodeStatus{Addresses: node.Status.Addresses},
	}
}

// Single returns the networks that hold one of these addresses each. A text that is not an address, such as the "None" of a Service without one, is
// left out.
func Single(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			found = append(found, alone(a))
		}
	}
	return found
}

// annotated returns the addresses in annotations, in an order that the same annotations always have.
func annotated(annotations map[string]string) []netip.Prefix {
	var found []netip.Prefix
	for _, value := range annotations {
		found = append(found, parse(value)...)
	}
	slices.SortFunc(found, netip.Prefix.Compare)
	return found
}

func withAddresses(annotations map[string]string) map[string]string {
	var kept map[string]string
	for name, value := range annotations {
		if len(parse(value)) == 0 {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[name] = value
	}
	return kept
}

// maxValue is the length of the longest annotation that is read: some addresses of a node, each with the length of its network.
const maxValue = 512

// parse returns the addresses of an annotation that is a list of them, with or without the length of their network: 10.0.0.1/24 is the address of a
// node in that network. Any other annotation has none.
func parse(value string) []netip.Prefix {
	if len(value) > maxValue {
		return nil
	}
	var found []netip.Prefix
	for part := range strings.SplitSeq(value, ",") {
		address, _, _ := strings.Cut(strings.TrimSpace(part), "/")
		a, err := netip.ParseAddr(address)
		if err != nil {
			return nil
		}
		if !a.IsUnspecified() {
			found = append(found, alone(a))
		}
	}
	return found
}

func alone(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}
