package main

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// chain is what one Pod may do in one direction: a packet that matches none of the rules is not allowed.
type chain struct {
	direction direction
	// address is the Pod's own.
	address string
	// allow are nft's matches, each for packets that are allowed; an empty one allows all. They are about the first packet of a
	// connection: the others pass with it.
	allow []string
}

// direction is the side of a connection that a rule holds for.
type direction struct {
	kind networkingv1.PolicyType
	// own and peer are what nft calls the address of the Pod and that of the other side.
	own, peer string
}

// The two directions.
var (
	ingress = direction{kind: networkingv1.PolicyTypeIngress, own: "daddr", peer: "saddr"}
	egress  = direction{kind: networkingv1.PolicyTypeEgress, own: "saddr", peer: "daddr"}
)

// chains returns what the policies come to: a chain for each direction of each Pod that one restricts, in an order that the same objects
// always have. Everything else is allowed.
func chains(o objects) []chain {
	c := newCluster(o)
	var all []chain
	for _, p := range c.pods {
		for _, d := range []direction{ingress, egress} {
			if ch, restricted := c.chain(p, d); restricted {
				all = append(all, ch)
			}
		}
	}
	return all
}

// chain returns the sum of what the policies allow a Pod, and whether one of them restricts it.
func (c *cluster) chain(p *corev1.Pod, d direction) (ch chain, restricted bool) {
	// A Pod can always reach itself, by a Service too.
	ch = chain{direction: d, address: p.Status.PodIP, allow: []string{"ip " + d.peer + " " + p.Status.PodIP}}
	for _, policy := range c.policies {
		if policy.Namespace != p.Namespace || !slices.Contains(policy.Spec.PolicyTypes, d.kind) || !selects(&policy.Spec.PodSelector, p.Labels) {
			continue
		}
		restricted = true
		for _, r := range rules(policy, d) {
			ch.allow = append(ch.allow, c.matches(p, policy.Namespace, d, r)...)
		}
	}
	return ch, restricted
}

// rule is a rule of either direction.
type rule struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rules(policy *networkingv1.NetworkPolicy, d direction) []rule {
	var all []rule
	if d == ingress {
		for _, r := range policy.Spec.Ingress {
			all = append(all, rule{peers: r.From, ports: r.Ports})
		}
		return all
	}
	for _, r := range policy.Spec.Egress {
		all = append(all, rule{peers: r.To, ports: r.Ports})
	}
	return all
}

// matches returns nft's matches for one rule: for each of its peers, each of its ports.
func (c *cluster) matches(p *corev1.Pod, namespace string, d direction, r rule) []string {
	var all []string
	for _, peer := range c.peers(namespace, d, r.peers) {
		if len(r.ports) == 0 {
			all = append(all, peer.match)
		}
		for _, port := range r.ports {
			all = append(all, portMatches(p, d, peer, port)...)
		}
	}
	return all
}

// sorted returns the items in the order of their keys.
func sorted[T any](items []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(items), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// both joins two matches, each of which may be empty.
func both(a, b string) string { return strings.TrimSpace(a + " " + b) }
