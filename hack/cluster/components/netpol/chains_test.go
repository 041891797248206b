package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The Pods that the tests' policies choose from: two in Namespace a, one in b, and others that have no address of their own.
func testPods() []*corev1.Pod {
	onNode := pod("a", "on-node", "10.200.0.1")
	onNode.Spec.HostNetwork = true
	ended := pod("a", "ended", "10.244.0.2") // Which web has by now.
	ended.Status.Phase = corev1.PodSucceeded
	return []*corev1.Pod{pod("b", "web", "10.244.0.4", port("http", 8080)), pod("a", "db", "10.244.0.3", port("http", 80), port("sql", 5432)),
		pod("a", "web", "10.244.0.2", port("http", 8000)), onNode, ended, pod("a", "new", ""), pod("a", "six", "fd00::2")}
}

func pod(namespace, name, ip string, ports ...corev1.ContainerPort) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Ports: ports}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	p.Status.PodIP = ip
	return p
}

func port(name string, number int32) corev1.ContainerPort {
	return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: corev1.ProtocolTCP}
}

// app selects Pods of one name; none selects all.
func app(names ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	for _, n := range names {
		s.MatchLabels = map[string]string{"app": n}
	}
	return s
}

func namespace(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"name": name}}
}

func block(cidr string, except ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
}

// policyPort is a port, or with two numbers a range of them.
func policyPort(protocol corev1.Protocol, port intstr.IntOrString, last ...int32) networkingv1.NetworkPolicyPort {
	p := networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port}
	if len(last) > 0 {
		p.EndPort = &last[0]
	}
	return p
}

// in and out are specs that restrict the Pods of a selector in one direction, but for a rule.
func in(pods *metav1.LabelSelector, rules ...networkingv1.NetworkPolicyIngressRule) networkingv1.NetworkPolicySpec {
	types := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	return networkingv1.NetworkPolicySpec{PodSelector: *pods, PolicyTypes: types, Ingress: rules}
}

func out(pods *metav1.LabelSelector, rules ...networkingv1.NetworkPolicyEgressRule) networkingv1.NetworkPolicySpec {
	types := []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	return networkingv1.NetworkPolicySpec{PodSelector: *pods, PolicyTypes: types, Egress: rules}
}

func from(peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: peers}
}

func TestChains(t *testing.T) {
	type rules map[string][]string // By direction and Pod.
	cases := map[string]struct {
		reason string
		specs  []networkingv1.NetworkPolicySpec // In Namespace a.
		want   rules
	}{
		"None": {reason: "What no policy selects is open.", want: rules{}},
		"DenyAll": {
			reason: "A Pod that a policy selects is closed but to itself, and one of another Namespace is not selected.",
			specs:  []networkingv1.NetworkPolicySpec{in(app())},
			want:   rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2"}, "Ingress 10.244.0.3": {"ip saddr 10.244.0.3"}},
		},
		"AllowAll": {
			specs: []networkingv1.NetworkPolicySpec{in(app("web"), from())},
			want:  rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2", ""}},
		},
		"OwnNamespace": {
			reason: "A selector of Pods alone is about the policy's own Namespace.",
			specs:  []networkingv1.NetworkPolicySpec{in(app("web"), from(networkingv1.NetworkPolicyPeer{PodSelector: app()}))},
			want:   rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2", "ip saddr { 10.244.0.2, 10.244.0.3 }"}},
		},
		"OtherNamespace": {
			specs: []networkingv1.NetworkPolicySpec{in(app("web"), from(networkingv1.NetworkPolicyPeer{NamespaceSelector: namespace("b")}))},
			want:  rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2", "ip saddr { 10.244.0.4 }"}},
		},
		"BothSelectors": {
			reason: "Pods of this name in these Namespaces, which nobody is: not everybody.",
			specs: []networkingv1.NetworkPolicySpec{in(app("web"),
				from(networkingv1.NetworkPolicyPeer{NamespaceSelector: namespace("b"), PodSelector: app("db")}))},
			want: rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2"}},
		},
		"SumOfPolicies": {
			specs: []networkingv1.NetworkPolicySpec{
				in(app("web"), from(block("10.0.0.0/24"))), in(app("web"), from(block("10.0.1.0/24"), block("fd00::/64"))), out(app("web")),
			},
			want: rules{
				"Ingress 10.244.0.2": {"ip saddr 10.244.0.2", "ip saddr 10.0.0.0/24", "ip saddr 10.0.1.0/24"},
				"Egress 10.244.0.2":  {"ip daddr 10.244.0.2"},
			},
		},
		"Except": {
			specs: []networkingv1.NetworkPolicySpec{out(app("db"), networkingv1.NetworkPolicyEgressRule{
				To: []networkingv1.NetworkPolicyPeer{block("0.0.0.0/0", "169.254.0.0/16", "10.96.0.1/32")},
			})},
			want: rules{"Egress 10.244.0.3": {"ip daddr 10.244.0.3", "ip daddr 0.0.0.0/0 ip daddr != { 169.254.0.0/16, 10.96.0.1/32 }"}},
		},
		"Ports": {
			specs: []networkingv1.NetworkPolicySpec{out(app("db"), networkingv1.NetworkPolicyEgressRule{
				To: []networkingv1.NetworkPolicyPeer{block("10.0.0.0/8")},
				Ports: []networkingv1.NetworkPolicyPort{
					policyPort(corev1.ProtocolUDP, intstr.FromInt32(53)), policyPort(corev1.ProtocolTCP, intstr.FromInt32(8000), 8999),
					{Protocol: new(corev1.ProtocolSCTP)}, {Port: new(intstr.FromInt32(1))},
				},
			})},
			want: rules{"Egress 10.244.0.3": {
				"ip daddr 10.244.0.3", "ip daddr 10.0.0.0/8 udp dport 53", "ip daddr 10.0.0.0/8 tcp dport 8000-8999",
				"ip daddr 10.0.0.0/8 ip protocol sctp", "ip daddr 10.0.0.0/8 tcp dport 1",
			}},
		},
		"NamedPortIn": {
			reason: "A name is the selected Pod's own, and what has none of that name stays closed.",
			specs: []networkingv1.NetworkPolicySpec{in(app(), networkingv1.NetworkPolicyIngressRule{
				Ports: []networkingv1.NetworkPolicyPort{policyPort(corev1.ProtocolTCP, intstr.FromString("sql"))},
			})},
			want: rules{"Ingress 10.244.0.2": {"ip saddr 10.244.0.2"}, "Ingress 10.244.0.3": {"ip saddr 10.244.0.3", "tcp dport 5432"}},
		},
		"NamedPortOut": {
			reason: "A name is that of each Pod at the other side; no Pod has one for UDP.",
			specs: []networkingv1.NetworkPolicySpec{out(app("db"), networkingv1.NetworkPolicyEgressRule{
				To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: app(), PodSelector: app("web")}},
				Ports: []networkingv1.NetworkPolicyPort{
					policyPort(corev1.ProtocolTCP, intstr.FromString("http")), policyPort(corev1.ProtocolUDP, intstr.FromString("http")),
				},
			})},
			want: rules{"Egress 10.244.0.3": {
				"ip daddr 10.244.0.3", "ip daddr 10.244.0.2 tcp dport 8000", "ip daddr 10.244.0.4 tcp dport 8080",
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := rules{}
			for _, c := range chains(testObjects(tc.specs...)) {
				got[string(c.direction.kind)+" "+c.address] = c.allow
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// testObjects are the tests' Pods and Namespaces with policies in Namespace a.
func testObjects(specs ...networkingv1.NetworkPolicySpec) objects {
	o := objects{pods: testPods()}
	for _, n := range []string{"a", "b"} {
		o.namespaces = append(o.namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n, Labels: map[string]string{"name": n}}})
	}
	for i, s := range specs {
		name := string(rune('a' + i))
		o.policies = append(o.policies, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}, Spec: s})
	}
	return o
}
