package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// portMatches returns nft's matches for one port of one peer. A port's name is looked up where the connection goes to: in the Pod itself
// for ingress, in each Pod of the peer for egress. One that nobody has matches nothing.
func portMatches(p *corev1.Pod, d direction, with peer, port networkingv1.NetworkPolicyPort) []string {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	switch {
	case port.Port == nil:
		return []string{both(with.match, "ip protocol "+strings.ToLower(string(protocol)))}
	case port.Port.Type == intstr.Int:
		last := port.Port.IntVal
		if port.EndPort != nil {
			last = *port.EndPort
		}
		return []string{both(with.match, destination(protocol, port.Port.IntVal, last))}
	case d == ingress:
		return named(with.match, p, protocol, port.Port.StrVal)
	}
	var all []string
	for _, to := range with.pods {
		all = append(all, named("ip daddr "+to.Status.PodIP, to, protocol, port.Port.StrVal)...)
	}
	return all
}

// named returns the match with a port that a Pod has a name for, if it has.
func named(match string, p *corev1.Pod, protocol corev1.Protocol, name string) []string {
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == name && port.Protocol == protocol {
				return []string{both(match, destination(protocol, port.ContainerPort, port.ContainerPort))}
			}
		}
	}
	return nil
}

// destination is nft's for a destination port or, if last is another one, a range of them.
func destination(protocol corev1.Protocol, first, last int32) string {
	text := fmt.Sprintf("%s dport %d", strings.ToLower(string(protocol)), first)
	if last != first {
		text += fmt.Sprintf("-%d", last)
	}
	return text
}
