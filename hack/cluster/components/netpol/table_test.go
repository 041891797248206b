package main

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestTable has the kernel take every sort of match, and gives it others later, in a network of the test's own.
func TestTable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace takes root")
	}
	runtime.LockOSThread() // Never unlocked: the thread ends with the test and its network with it.
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	table, err := openTable()
	if err != nil {
		t.Fatal(err)
	}
	everything := testObjects(in(app("web"), from()), out(app(), networkingv1.NetworkPolicyEgressRule{
		To: []networkingv1.NetworkPolicyPeer{block("0.0.0.0/0", "169.254.0.0/16", "10.96.0.1/32"), {PodSelector: app()}, block("10.1.0.0/16")},
		Ports: []networkingv1.NetworkPolicyPort{
			policyPort(corev1.ProtocolUDP, intstr.FromInt32(53)), policyPort(corev1.ProtocolTCP, intstr.FromInt32(8000), 8999),
			policyPort(corev1.ProtocolTCP, intstr.FromString("http")), {Protocol: new(corev1.ProtocolSCTP)},
		},
	}))
	for _, o := range []objects{testObjects(), everything, testObjects(in(app("db")))} {
		if err := table.write(t.Context(), chains(o)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"map Ingress {", "type ipv4_addr : verdict", "elements = { 10.244.0.3 : jump Ingress-10.244.0.3 }", "}",
		"map Egress {", "type ipv4_addr : verdict", "}",
		"chain Ingress-10.244.0.3 {", "ip saddr 10.244.0.3 return", "reject with icmp admin-prohibited", "}",
		"chain forward {", "type filter hook forward priority filter; policy accept;", "ct state established,related accept",
		"ip saddr vmap @Egress", "ip daddr vmap @Ingress", "}",
		"chain input {", "type filter hook input priority filter; policy accept;", "ct state established,related accept",
		"ip saddr vmap @Egress", "}",
	}
	if diff := cmp.Diff(want, listing(t)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// listing returns the lines inside the table as nft prints it.
func listing(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "nft", "list", "table", "ip", tableName).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[1 : len(lines)-1]
}
