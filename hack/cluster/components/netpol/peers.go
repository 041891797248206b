package main

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// cluster is what policies choose from.
type cluster struct {
	policies []*networkingv1.NetworkPolicy
	// pods are those with an address of their own.
	pods []*corev1.Pod
	// namespaces are the labels of the Namespaces.
	namespaces map[string]map[string]string
}

func newCluster(o objects) *cluster {
	c := &cluster{namespaces: map[string]map[string]string{}}
	for _, n := range o.namespaces {
		c.namespaces[n.Name] = n.Labels
	}
	for _, p := range o.pods {
		if hasAddress(p) {
			c.pods = append(c.pods, p)
		}
	}
	c.pods = sorted(c.pods, func(p *corev1.Pod) string { return p.Status.PodIP })
	c.policies = sorted(o.policies, func(p *networkingv1.NetworkPolicy) string { return p.Namespace + "/" + p.Name })
	return c
}

// hasAddress tells whether a Pod has an address that is no other's: one on the node's network has the node's, and that of one that has
// ended is given away again. Nothing here has IPv6.
func hasAddress(p *corev1.Pod) bool {
	address, err := netip.ParseAddr(p.Status.PodIP)
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return err == nil && address.Is4() && !p.Spec.HostNetwork && !ended
}

// peer is a part of the other side of a rule.
type peer struct {
	// match is nft's; empty for everybody.
	match string
	// pods are the Pods in it that were chosen as such, whose ports have names.
	pods []*corev1.Pod
}

// peers returns what a rule's list in a policy's namespace stands for. An empty list is everybody, a list that chooses nobody is nobody.
func (c *cluster) peers(namespace string, d direction, list []networkingv1.NetworkPolicyPeer) []peer {
	if len(list) == 0 {
		return []peer{{pods: c.pods}}
	}
	var all []peer
	for _, p := range list {
		if p.IPBlock != nil {
			all = append(all, blockPeers(d, p.IPBlock)...)
			continue
		}
		if pods := c.choose(namespace, p); len(pods) > 0 {
			all = append(all, peer{match: "ip " + d.peer + " " + set(addresses(pods)), pods: pods})
		}
	}
	return all
}

// choose returns the Pods that a peer's selectors choose: in the policy's own namespace, unless it selects namespaces.
func (c *cluster) choose(namespace string, p networkingv1.NetworkPolicyPeer) []*corev1.Pod {
	var chosen []*corev1.Pod
	for _, pod := range c.pods {
		there := pod.Namespace == namespace
		if p.NamespaceSelector != nil {
			there = selects(p.NamespaceSelector, c.namespaces[pod.Namespace])
		}
		if there && (p.PodSelector == nil || selects(p.PodSelector, pod.Labels)) {
			chosen = append(chosen, pod)
		}
	}
	return chosen
}

// blockPeers returns the peer of a block of IPv4 addresses, and none for one of IPv6.
func blockPeers(d direction, b *networkingv1.IPBlock) []peer {
	if !isIPv4(b.CIDR) {
		return nil
	}
	match := "ip " + d.peer + " " + b.CIDR
	if len(b.Except) > 0 {
		match += " ip " + d.peer + " != " + set(b.Except)
	}
	return []peer{{match: match}}
}

func isIPv4(cidr string) bool {
	prefix, err := netip.ParsePrefix(cidr)
	return err == nil && prefix.Addr().Is4()
}

// selects tells whether a selector, which the API server has validated, selects an object with these labels.
func selects(s *metav1.LabelSelector, of map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(of))
}

func addresses(pods []*corev1.Pod) []string {
	all := make([]string, 0, len(pods))
	for _, p := range pods {
		all = append(all, p.Status.PodIP)
	}
	return all
}

// set is nft's for a set of addresses.
func set(addresses []string) string { return "{ " + strings.Join(addresses, ", ") + " }" }
