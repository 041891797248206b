package resources

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

// RouterPorts are where routers answer the world: by number, and by the names that ingress controllers give these ports where the numbers are others, as
// Traefik does. The numbers of Traefik are not open as such: 8443 is where ingress-nginx has its webhook, which is closed to tenants like the ports of
// metrics and dashboards.
var RouterPorts = []intstr.IntOrString{
	intstr.FromInt32(80), intstr.FromInt32(443), intstr.FromString("http"), intstr.FromString("https"), intstr.FromString("web"), intstr.FromString("websecure"),
}

// Network is what the isolation of organizations depends on.
type Network struct {
	// RouterNamespaces are the Namespaces of the ingress controllers.
	RouterNamespaces []string
	// RouterNetworks are the addresses of ingress controllers that are no Pods, or that use the network of their node.
	RouterNetworks []netip.Prefix
	// RouterPorts are the TCP ports of routers that Pods reach. Those of RouterNetworks have no names.
	RouterPorts []intstr.IntOrString
	// Platform is Berth's own Namespace, whose facade Pods reach.
	Platform string
	// AllowedNamespaces are further Namespaces whose Pods they reach; AllNamespaces among them stands for all.
	AllowedNamespaces []string
	// Denied is what Pods don't reach, beside what no Pod ever does: the API server and the nodes.
	Denied []netip.Prefix
	// APIServers are those of Denied at which an API server answers at a port of routers. They stay denied where RouterNetworks have them too.
	APIServers []netip.Prefix
}

// AllNamespaces stands for all Namespaces.
const AllNamespaces = "*"

// IsRouterPort reports whether Pods reach this TCP port of routers that are no Pods.
func (n Network) IsRouterPort(number int32) bool {
	return slices.Contains(n.RouterPorts, intstr.FromInt32(number))
}

// Where the metadata of cloud machines is told, and with it often the credentials of the machine.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("169.254.169.254/32"),
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba Cloud.
	netip.MustParsePrefix("fd00:ec2::254/128"),  // AWS.
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google Cloud.
}

// wireServer is where Azure serves DNS, and also tells a node's settings and certificates.
var wireServer = []netip.Prefix{netip.MustParsePrefix("168.63.129.16/32")}

// linkLocal are the networks that a node has with itself and its neighbours. Clouds answer there with more than metadata.
var linkLocal = []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}

// everywhere are all addresses: those that a NetworkPolicy leaves out have to be of the same family.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// facadeLabels are those of the facade's Pods, and facadePort is the port at which they serve. It is a number: network plugins exist that take a port
// with a name for all ports, such as OVN-Kubernetes.
var facadeLabels = map[string]string{"app.kubernetes.io/name": "berth-facade"}

const facadePort = 8443

// NetworkPolicy returns the isolation of an organization: its Pods are reached by the router and by each other, and reach each other, the router, the
// facade and everything outside of the cluster, but not the API server, the nodes, the metadata of the cloud and the Pods of other Namespaces.
//
// DNS is open wherever the server is, on a node too, but for the metadata's addresses. Pods are named beside all addresses, since some network plugins
// don't take the addresses of Pods for addresses; for those that do, Denied has the networks of Pods.
func NetworkPolicy(ns *corev1.Namespace, n Network) *networkingv1ac.NetworkPolicyApplyConfiguration {
	egress := []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{
		networkingv1ac.NetworkPolicyEgressRule().
			WithTo(networkingv1ac.NetworkPolicyPeer().WithPodSelector(metav1ac.LabelSelector())).
			WithTo(inNamespaces(n.AllowedNamespaces)...).
			WithTo(allBut(slices.Concat(metadata, wireServer, linkLocal, n.Denied))...),
		networkingv1ac.NetworkPolicyEgressRule().
			WithTo(networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector())).
			WithTo(allBut(metadata)...).
			WithPorts(dnsPorts()...),
	}
	if to := inNamespaces(n.RouterNamespaces); len(to) > 0 && len(n.RouterPorts) > 0 {
		egress = append(egress, networkingv1ac.NetworkPolicyEgressRule().WithTo(to...).WithPorts(tcp(n.RouterPorts)...))
	}
	if n.Platform != "" {
		facade := inNamespaces([]string{n.Platform})[0].WithPodSelector(metav1ac.LabelSelector().WithMatchLabels(facadeLabels))
		egress = append(egress, networkingv1ac.NetworkPolicyEgressRule().WithTo(facade).WithPorts(tcp([]intstr.IntOrString{intstr.FromInt32(facadePort)})...))
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
	return append(append(peers, inNamespaces(n.RouterNamespaces)...), blocks(n.RouterNetworks)...)
}

// inNamespaces returns a peer for all Pods of some Namespaces; none if there are no Namespaces.
func inNamespaces(all []string) []*networkingv1ac.NetworkPolicyPeerApplyConfiguration {
	namespaces := metav1ac.LabelSelector()
	switch names := sorted(all); {
	case len(names) == 0:
		return nil
	case !slices.Contains(names, AllNamespaces):
		namespaces.WithMatchExpressions(metav1ac.LabelSelectorRequirement().
			WithKey(corev1.LabelMetadataName).WithOperator(metav1.LabelSelectorOpIn).WithValues(names...))
	}
	return []*networkingv1ac.NetworkPolicyPeerApplyConfiguration{networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(namespaces)}
}

// routers let Pods reach the routers that are no Pods, as the world does. Their networks may be as wide as that of all nodes, so what nobody
// reaches at these ports is left out.
func routers(n Network) []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration {
	peers := without(n.RouterNetworks, slices.Concat(metadata, wireServer, linkLocal, n.APIServers))
	numbers := slices.DeleteFunc(slices.Clone(n.RouterPorts), func(p intstr.IntOrString) bool { return p.Type != intstr.Int })
	if len(peers) == 0 || len(numbers) == 0 { // A rule without peers would be about everybody, and one without ports about all of them.
		return nil
	}
	return []*networkingv1ac.NetworkPolicyEgressRuleApplyConfiguration{networkingv1ac.NetworkPolicyEgressRule().
		WithTo(peers...).
		WithPorts(tcp(numbers)...)}
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

// dnsPorts are those of DNS servers: the usual one, and that of OpenShift's Pods. They are numbers for the same reason as facadePort: a name would open
// all ports of all Pods and nodes.
func dnsPorts() []*networkingv1ac.NetworkPolicyPortApplyConfiguration {
	var all []*networkingv1ac.NetworkPolicyPortApplyConfiguration
	for _, number := range []int32{53, 5353} {
		all = append(all, port(corev1.ProtocolUDP, intstr.FromInt32(number)), port(corev1.ProtocolTCP, intstr.FromInt32(number)))
	}
	return all
}

func tcp(numbers []intstr.IntOrString) []*networkingv1ac.NetworkPolicyPortApplyConfiguration {
	var all []*networkingv1ac.NetworkPolicyPortApplyConfiguration
	for _, n := range numbers {
		all = append(all, port(corev1.ProtocolTCP, n))
	}
	return all
}

func port(protocol corev1.Protocol, number intstr.IntOrString) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithProtocol(protocol).WithPort(number)
}
