package desired

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/berth-dev/berth/internal/names"
)

// routerPorts are where routers answer, HTTP and HTTPS.
var routerPorts = [2]int32{80, 443}

// IsRouterPort tells whether Pods reach this TCP port of routers that are no Pods.
func IsRouterPort(number int32) bool { return slices.Contains(routerPorts[:], number) }

// Network is what the isolation of organizations depends on.
type Network struct {
	// RouterNamespaces are the Namespaces of the ingress controllers.
	RouterNamespaces []string
	// RouterNetworks are the addresses of ingress controllers that are no Pods, or that use the network of their node.
	RouterNetworks []netip.Prefix
	// Denied is what Pods don't reach, beside what no Pod ever does: the API server and the nodes.
	Denied []netip.Prefix
	// APIServers are those of Denied at which an API server answers at a port of routers. They stay denied where RouterNetworks have them too.
	APIServers []netip.Prefix
}

// Where the metadata of cloud machines is told, and with it often the credentials of the machine.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.169.254/32"),
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud.
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS.
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud.
}

// linkLocal are the networks that a node has with itself and its neighbours. Clouds answer there with more than metadata.
var linkLocal = []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}

// everywhere are all addresses: those that a NetworkPolicy leaves out have to be of the same family.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// NetworkPolicy returns the isolation of an organization: its Pods are reached by the router and by each other, and reach everything but
// the API server, the nodes and the metadata of the cloud.
//
// DNS is open wherever the server is, on a node too, but for the metadata's addresses. Pods of other Namespaces are named beside all
// addresses, since some network plugins don't take the addresses of Pods for addresses.
func NetworkPolicy(ns *corev1.Namespace, n Network) *networkingv1ac.NetworkPolicyApplyConfiguration {
	egress := []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{
		networkingv1ac.NetworkPolicyEgressRule().
			WithTo(networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector())).
			WithTo(allBut(slices.Concat(metadata, linkLocal, n.Denied))...),
		networkingv1ac.NetworkPolicyEgressRule().
			WithTo(allBut(metadata)...).
			WithPorts(port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)),
	}
	egress = append(egress, routers(n)...)
	return networkingv1ac.NetworkPolicy(names.OrganizationObject, ns.GetName()).
		WithLabels(organizationLabels()).
		WithOwnerReferences(heldBy(ns)).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(metav1ac.LabelSelector()).
			WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
			WithIngress(networkingv1ac.NetworkPolicyIngressRule().WithFrom(visitors(n)...)).
			WithEgress(egress...))
}

// visitors are who reaches the Pods of an organization.
func visitors(n Network) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	peers := []*networkingv1ac.NetworkPolicyPeerApplyConfiguration{
		networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector()),
	}
	if names := sorted(n.RouterNamespaces); len(names) > 0 {
		peers = append(peers, networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
			WithMatchExpressions(metav1ac.LabelSelectorRequirement().
				WithKey(corev1.LabelMetadataName).WithOperator(metav1.LabelSelectorOpIn).WithValues(names...))))
	}
	return append(peers, blocks(n.RouterNetworks)...)
}

// routers let Pods reach the routers that are no Pods, as the world does. Their networks may be as wide as that of all nodes, so what nobody
// reaches at these ports is left out.
func routers(n Network) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	peers := without(n.RouterNetworks, slices.Concat(metadata, linkLocal, n.APIServers))
	if len(peers) == 0 { // A rule without peers would be about everybody.
		return nil
	}
	return []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{networkingv1ac.NetworkPolicyEgressRule().
		WithTo(peers...).
		WithPorts(port(corev1.ProtocolTCP, routerPorts[0]), port(corev1.ProtocolTCP, routerPorts[1]))}
}

func blocks(networks []netip.Prefix) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	var peers []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for _, network := range essential(networks) {
		peers = append(peers, networkingv1ac.NetworkPolicyPeer().WithIPBlock(networkingv1ac.IPBlock().WithCIDR(network.String())))
	}
	return peers
}

// allBut returns all addresses but some, one peer for each family of which any are left.
func allBut(networks []netip.Prefix) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	return without(everywhere, networks)
}

// without returns a peer for each of the networks, but for those that lie in an excepted one, without what of it is excepted.
func without(networks, excepted []netip.Prefix) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	excepted = essential(excepted)
	var peers []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	for _, network := range essential(networks) {
		block, left := networkingv1ac.IPBlock().WithCIDR(network.String()), true
		for _, e := range excepted {
			if !e.Overlaps(network) {
				continue
			}
			left = left && e.Bits() > network.Bits()
			block.WithExcept(e.String())
		}
		if left {
			peers = append(peers, networkingv1ac.NetworkPolicyPeer().WithIPBlock(block))
		}
	}
	return peers
}

// essential returns the networks that none of the others contains, in their order. Nodes so come and go in a network that is denied
// as a whole without any policy changing.
func essential(networks []netip.Prefix) []netip.Prefix {
	ordered := make([]netip.Prefix, 0, len(networks))
	for _, n := range networks {
		ordered = append(ordered, n.Masked())
	}
	slices.SortFunc(ordered, netip.Prefix.Compare)
	var kept []netip.Prefix
	for _, n := range ordered {
		if len(kept) == 0 || !kept[len(kept)-1].Overlaps(n) {
			kept = append(kept, n)
		}
	}
	return kept
}

func port(protocol corev1.Protocol, number int32) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(protocol).WithPort(intstr.FromInt32(number))
}
