package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// wildcardCertificate is one for all default hosts, as whoever runs the platform asks for it.
const wildcardCertificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: wildcard
  namespace: %s
spec:
  secretName: wildcard-tls
  dnsNames: ["*.%s"]
  usages: [digital signature, server auth]
  issuerRef: {kind: ClusterIssuer, name: local-ca}
`

// defaultCertificate tells Traefik to serve it wherever an Ingress names none.
const defaultCertificate = `
tls:
  stores:
    default:
      defaultCertificate:
        certFile: %[1]s/tls.crt
        keyFile: %[1]s/tls.key
`

// TestWildcardCertificate switches a running platform to a wildcard certificate and back, with an App visited all the while.
func TestWildcardCertificate(t *testing.T) {
	manager := organization(t, "wildcard-org")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "wildcard-app", "location": push(t, "wildcard:v1")}, http.StatusCreated, nil)
	host := "wildcard-app." + berth.Env.BaseDomain
	waitForPage(t, host, "Hello")
	setDefaultCertificate(t)

	visitor := visitWith(t, browser(t, berth.Env.CAIngress), host, 10*time.Millisecond)
	setWildcard(t, "true")
	awaitNames(t, host, "*."+berth.Env.BaseDomain)
	mustBeReady(t, "wildcard-org", "wildcard-app")
	manager.call(t, http.MethodPost, "", map[string]any{"slug": "wildcard-two", "location": push(t, "wildcard:v1")}, http.StatusCreated, nil)
	waitForPage(t, "wildcard-two."+berth.Env.BaseDomain, "Hello")
	if got := kubectl(t, "", "get", "certificates", "-n", "wildcard-org", "-o", "name"); strings.Contains(got, "wildcard-two") {
		t.Errorf("there is a certificate of its own for an App that has the platform's: %s", got)
	}
	setWildcard(t, "false")
	awaitNames(t, host, host)
	mustBeReady(t, "wildcard-org", "wildcard-app")
	visitor.MustNotHaveNoticed(t)
}

// setDefaultCertificate gives the ingress controller a certificate for all default hosts.
func setDefaultCertificate(t *testing.T) {
	t.Helper()
	kubectl(t, fmt.Sprintf(wildcardCertificate, stack.Namespace, berth.Env.BaseDomain), "apply", "-f", "-")
	kubectl(t, "", "wait", "certificate/wildcard", "-n", stack.Namespace, "--for=condition=Ready", "--timeout=60s")
	var secret corev1.Secret
	if err := berth.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "wildcard-tls"}, &secret); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if err := os.WriteFile(filepath.Join(dir, name), secret.Data[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(berth.TraefikDir, "default.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, defaultCertificate, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	// A name that has no route gets the default certificate.
	awaitNames(t, "nobody."+berth.Env.BaseDomain, "*."+berth.Env.BaseDomain)
	t.Cleanup(func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	})
}

// setWildcard switches the wildcard certificate on or off, as another value in the ConfigMap does.
func setWildcard(t *testing.T, value string) {
	t.Helper()
	kubectl(t, "", "set", "env", "deployment/berth-operator", "-n", stack.Namespace, "WILDCARD_CERTIFICATE="+value)
	awaitTwo(t, "berth-operator")
}

// awaitNames waits until the certificate that a host serves is for a name.
func awaitNames(t *testing.T, host, want string) {
	t.Helper()
	eventually(t, time.Minute, host+" has a certificate for "+want, func() (bool, string) {
		c, err := handshake(t.Context(), host, roots(t, berth.Env.CAIngress))
		if err != nil {
			return false, err.Error()
		}
		return len(c.DNSNames) == 1 && c.DNSNames[0] == want, strings.Join(c.DNSNames, " ")
	})
}
