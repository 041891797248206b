package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// S12: a stranger's image is not pulled from an address of the node's network, whatever listens there.
func TestHostileRegistries(t *testing.T) {
	t.Parallel()
	const org = "registry-rival"
	attacker := strangers(t, org, "")
	attacker.deploy(t, "registry-app", "Attacker") // From the registry that the platform allows to all.
	for i, server := range []string{"10.200.0.1:6443", "10.200.0.1:10250", "localhost:10248", "kubernetes.default.svc:443", "registry:5000"} {
		slug := fmt.Sprintf("registry-%d", i)
		attacker.call(t, http.MethodPost, "", map[string]any{"slug": slug, "location": server + "/x:y"}, http.StatusCreated, nil)
		waitForApp(t, org, slug, berthv1alpha1.ReasonRegistryNotAllowed)
		if got := kubectl(t, "", "get", "pods", "-n", org, "-l", berthv1alpha1.LabelApp+"="+slug, "-o", "name"); got != "" {
			t.Errorf("there are Pods for %s: %s", server, got)
		}
	}
}

// S23: the kubelet asks no host but the App's own Pods, also where Pod Security does not see to it.
func TestHostileProbes(t *testing.T) {
	t.Parallel()
	const org = "probe-rival"
	strangers(t, org, "")
	kubectl(t, "", "label", "namespace", org, "pod-security.kubernetes.io/enforce-version=v1.33")
	for field, probe := range map[string]string{
		"httpGet.host": "httpGet: {host: 10.200.0.1, port: 10250, scheme: HTTPS}", "tcpSocket.host": "tcpSocket: {host: 10.200.0.1, port: 6443}",
	} {
		for _, name := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
			manifest := fmt.Sprintf(`
apiVersion: berth.dev/v1alpha1
kind: App
metadata: {name: probe-host, namespace: %s}
spec: {image: nginx, %s: {%s}}
`, org, name, probe)
			out, err := tryKubectl(t, manifest, append(asManager(org), "apply", "-f", "-")...)
			if err == nil || !strings.Contains(out, "spec."+name+"."+field) {
				t.Errorf("%s of %s: %v: %s", field, name, err, out)
			}
		}
	}
}

// S22: a test e-mail goes to ports of mail alone.
func TestHostileMailPorts(t *testing.T) {
	t.Parallel()
	const org, slug = "mail-rival", "mail-rival-app"
	attacker := strangers(t, org, "")
	attacker.deploy(t, slug, "Attacker")
	for _, port := range []int{22, 6443, 10250} {
		settings := map[string]any{"email_host": "8.8.8.8", "email_port": port, "from_email": "a@example.com"}
		attacker.callDomains(t, http.MethodPut, slug+"/", settings, http.StatusOK, nil)
		var got refusal
		attacker.callDomains(t, http.MethodPost, slug+"/test-email/", nil, http.StatusBadRequest, &got)
		if _, ok := got["email_port"]; !ok {
			t.Errorf("port %d: the answer is %v, want one that names email_port", port, got)
		}
	}
}
