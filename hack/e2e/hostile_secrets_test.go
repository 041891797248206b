package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// S9: who has the role of managers by another way than a group of Berth's reads no Secret by writing it.
func TestHostileServiceAccount(t *testing.T) {
	t.Parallel()
	const org = "secrets-rival"
	manager := strangers(t, org, "")
	manager.deploy(t, "secrets-app", "Hello")
	waitForPage(t, "secrets-app."+berth.Env.BaseDomain, "Hello")
	kubectl(t, "", "create", "serviceaccount", org, "-n", "default")
	kubectl(t, "", "create", "rolebinding", "flux", "-n", org, "--clusterrole=berth-manager", "--serviceaccount=default:"+org)
	as := "--as=system:serviceaccount:default:" + org
	secret := strings.TrimSpace(kubectl(t, "", "get", "certificate", "-n", org, "-o", "jsonpath={.items[0].spec.secretName}"))
	manifests := map[string]string{
		"private key": fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: %s, namespace: %s, annotations: {x: "y"}}}`, secret, org),
		"token": fmt.Sprintf(`{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token,
			metadata: {name: tok, namespace: %s, annotations: {kubernetes.io/service-account.name: default}}}`, org),
	}
	for what, manifest := range manifests {
		out, err := tryKubectl(t, manifest, as, "apply", "--server-side", "--field-manager=x", "-o", "yaml", "-f", "-")
		if err == nil || strings.Contains(out, "tls.key:") || strings.Contains(out, "token:") {
			t.Errorf("a ServiceAccount that is bound to berth-manager gets a %s", what)
		}
	}
	if out, err := tryKubectl(t, "", as, "delete", "secret", secret, "-n", org); err == nil {
		t.Errorf("it deletes the Secret with a private key: %s", out)
	}
	kubectl(t, fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: %s, labels: {berth.dev/secret: env}}, stringData: {A: b}}`, org),
		as, "apply", "--server-side", "-f", "-")
}
