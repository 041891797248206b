package resources

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/berth-dev/berth/internal/rbac"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func testOrganization(labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "shop", UID: types.UID("33333333-3333-3333-3333-333333333333"), Labels: labels,
	}}
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	ns := testOrganization(nil)
	set := testOrganization(map[string]string{podSecurityEnforce: "restricted"})
	warned := testOrganization(map[string]string{podSecurityEnforce: "baseline", podSecurityWarn: "restricted"})
	memory := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{"memory": resource.MustParse(amount)}
	}
	cpu := corev1.ResourceList{"cpu": resource.MustParse("50m")}
	cases := map[string]any{
		"pod-security":        PodSecurity(ns, nil, ""),
		"pod-security-set":    PodSecurity(set, map[string]string{podSecurityWarn: "baseline"}, ""),
		"pod-security-warned": PodSecurity(warned, map[string]string{podSecurityEnforce: "baseline"}, "restricted"),
		"quota":               Quota(ns, corev1.ResourceList{"pods": resource.MustParse("50"), "requests.cpu": resource.MustParse("4")}),
		"defaults":            Defaults(ns, cpu, memory("512Mi")),
		"defaults-limits":     Defaults(ns, nil, memory("512Mi")),
		"defaults-requests":   Defaults(ns, cpu, nil),
		"network":             NetworkPolicy(ns, Network{RouterNamespaces: []string{"traefik"}, RouterPorts: RouterPorts, Platform: "berth-system"}),
		"network-allowed": NetworkPolicy(ns, Network{
			RouterNamespaces: []string{"traefik"}, RouterPorts: []intstr.IntOrString{intstr.FromString("public")},
			RouterNetworks: prefixes("192.0.2.7/32"), AllowedNamespaces: []string{"queues", "databases", "queues"},
		}),
		"network-open": NetworkPolicy(ns, Network{RouterNamespaces: []string{"traefik"}, AllowedNamespaces: []string{"databases", AllNamespaces}}),
		"network-node": NetworkPolicy(ns, Network{
			RouterPorts:    RouterPorts,
			RouterNetworks: prefixes("192.0.2.9/32", "192.0.2.7/32", "2001:db8::7/128"),
			Denied:         prefixes("192.0.2.7/32", "10.96.0.1/32", "2001:db8::7/128", "192.0.2.7/32"),
		}),
		"network-wide": NetworkPolicy(ns, Network{
			RouterPorts:    RouterPorts,
			RouterNetworks: prefixes("10.0.0.0/16", "192.0.2.7/32", "169.254.0.0/16", "::/0"),
			Denied:         prefixes("10.0.3.4/32", "10.96.0.1/32", "192.0.2.7/32"),
			APIServers:     prefixes("10.0.3.4/32", "10.96.0.1/32", "192.0.2.7/32"),
		}),
		"network-many": NetworkPolicy(ns, Network{
			RouterNamespaces: []string{"traefik", "ingress-nginx", "traefik"},
			Denied:           prefixes("10.1.2.3/32", "10.1.0.0/16", "10.1.255.255/32", "10.2.0.1/32", "0.0.0.0/8"),
		}),
		"network-closed": NetworkPolicy(ns, Network{RouterNamespaces: []string{"traefik"}, Denied: prefixes("0.0.0.0/0", "10.1.2.3/32")}),
	}
	for _, b := range rbac.Bindings("shop", "berth-system") {
		cases["rolebinding-"+b.Name] = RoleBinding(ns, b)
	}
	for name, got := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "organization-"+name, got)
		})
	}
}
