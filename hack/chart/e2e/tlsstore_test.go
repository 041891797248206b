package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/hack/e2e/witness"
)

// wildcardSecret is the Secret with the wildcard certificate.
const wildcardSecret = "wildcard-tls"

// wildcardCertificate is one for all default hosts, as whoever runs the platform asks for it.
const wildcardCertificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: wildcard
  namespace: %s
spec:
  secretName: %s
  dnsNames: ["*.%s"]
  usages: [digital signature, server auth]
  issuerRef: {kind: ClusterIssuer, name: %s}
`

// makeWildcard makes it in a Namespace and waits until it is there.
func makeWildcard(t *testing.T, namespace string) {
	t.Helper()
	kubectl(t, fmt.Sprintf(wildcardCertificate, namespace, wildcardSecret, berth.Env.BaseDomain, berth.Settings().Issuer), "apply", "-f", "-")
	kubectl(t, "", "wait", "certificate/wildcard", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
}

// startTraefik starts the cluster's Traefik once more, with its own definitions, which the one that serves the Apps does without. It returns where
// it listens.
func startTraefik(t *testing.T) string {
	t.Helper()
	module := output(t, exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/traefik/traefik/v3"),
		filepath.Join(root, "hack", "cluster", "components", "traefik"))
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(module, &downloaded); err != nil {
		t.Fatal(err)
	}
	definitions := filepath.Join(downloaded.Dir, "docs", "content", "reference", "dynamic-configuration", "kubernetes-crd-definition-v1.yml")
	kubectl(t, "", "apply", "--server-side", "-f", definitions)

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program(t, "traefik"),
		"--entrypoints.websecure.address="+address, "--entrypoints.websecure.http.tls=true", "--providers.kubernetesingress=true",
		"--providers.kubernetescrd=true", "--providers.providersthrottleduration=100ms", "--global.checknewversion=false",
		"--global.sendanonymoususage=false")
	var log bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{"KUBECONFIG=" + berth.Env.Kubeconfig}, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // The test's context has ended it.
		if t.Failed() {
			t.Logf("Traefik: %s", &log)
		}
	})
	return address
}

// program is a component of the cluster, which is built already.
func program(t *testing.T, name string) string {
	t.Helper()
	folders := output(t, exec.CommandContext(t.Context(), clusterCommand, "build"), "")
	for folder := range strings.Lines(string(folders)) {
		folder = strings.TrimSpace(folder)
		if strings.HasPrefix(filepath.Base(folder), name+"-") {
			return filepath.Join(folder, name)
		}
	}
	t.Fatalf("the cluster has no %s", name)
	return ""
}

// output is what a command prints to its standard output, in a folder.
func output(t *testing.T, cmd *exec.Cmd, dir string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(cmd.Args, " "), err, &stderr)
	}
	return out
}

// awaitName waits until the certificate that a Traefik serves for a host is for a name.
func awaitName(t *testing.T, traefik, host, want string) {
	t.Helper()
	witness.Eventually(t, time.Minute, host+" has a certificate for "+want, func() (bool, string) {
		names, err := servedNames(t.Context(), traefik, host)
		return err == nil && len(names) == 1 && names[0] == want, fmt.Sprint(names, err)
	})
}

// servedNames are the names of the certificate for a host, which the default certificates' authority has to vouch for.
func servedNames(ctx context.Context, address, host string) ([]string, error) {
	transport, ok := httpClient.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("the transport is a %T", httpClient.Transport)
	}
	config := transport.TLSClientConfig.Clone()
	config.ServerName = host
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	encrypted, ok := conn.(*tls.Conn)
	if !ok {
		return nil, fmt.Errorf("the connection is a %T", conn)
	}
	return encrypted.ConnectionState().PeerCertificates[0].DNSNames, nil
}
