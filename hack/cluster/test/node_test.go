package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// host is the name that the test's Ingress serves.
const host = "app.example.test"

// TestNode starts a node, uses all of it, and ends it.
func TestNode(t *testing.T) {
	needRoot(t)
	before := interfaces(t)
	c := start(t, append([]string{"--audit-policy", "testdata/audit-policy.yaml",
		"--forward", "app=127.0.0.1:0,10.200.0.1:30080", "--forward", "mail=127.0.0.1:0,10.200.0.1:587"}, identityFlags...)...)
	t.Logf("the command's output:\n%s", c.output())
	c.deployApp()

	// Everything below uses the one cluster and pod, in turn.
	for _, step := range []struct {
		name string
		run  func(t *testing.T, c *running)
	}{
		{"Logs", testLogs},
		{"DNS", testDNS},
		{"Ingress", testIngress},
		{"Forward", testForward},
		{"ACME", testACME},
		{"Mail", testMail},
		{"Policies", testPolicies},
		{"Identity", testIdentity},
		{"Audit", testAudit},
		{"Restart", testRestart},
	} {
		t.Run(step.name, func(t *testing.T) { step.run(t, c) })
	}

	tr := c.traces(before)
	begin := time.Now()
	if out, err := exec.Command(command, "stop", "--dir", c.dir).CombinedOutput(); err != nil {
		t.Fatalf("stop: %v: %s", err, out)
	}
	t.Logf("stopped in %s", time.Since(begin))
	if err := c.waitEnd(15 * time.Second); err != nil {
		t.Errorf("the command ended with %v, want no error", err)
	}
	tr.assertGone(t)
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "output" {
		t.Errorf("left in the folder by stop: %v; want the test's own file alone", entries)
	}
}

// deployApp pushes the app's image to the loopback registry and runs it.
func (c *running) deployApp() {
	c.t.Helper()
	if out, err := exec.Command(command, "push", "--registry", c.env["REGISTRY"], "--expose", "8080", "app:v1", app).CombinedOutput(); err != nil {
		c.t.Fatalf("push: %v: %s", err, out)
	}
	text, err := os.ReadFile("testdata/app.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	c.mustApply(strings.ReplaceAll(string(text), "REGISTRY", c.env["REGISTRY"]))
	c.kubectl("rollout", "status", "deployment/app", "--timeout=60s")
}

func testLogs(t *testing.T, c *running) {
	t.Helper()
	c.t = t
	pod := strings.TrimSpace(c.kubectl("get", "pods", "--output=jsonpath={.items[0].metadata.name}"))
	if out := c.kubectl("logs", "deployment/app"); !strings.Contains(out, "listening as "+pod) {
		t.Errorf("logs %q, want what the app says", out)
	}
}

// testDNS looks names up in the pod, which takes exec too.
func testDNS(t *testing.T, c *running) {
	t.Helper()
	c.t = t
	service := c.kubectl("get", "service", "app", "--output=jsonpath={.spec.clusterIP}")
	for _, name := range []string{"app", "app.default.svc.cluster.local"} {
		if out := c.kubectl("exec", "deployment/app", "--", "/app", "lookup", name); strings.TrimSpace(out) != service {
			t.Errorf("lookup of %s: %q, want %q", name, out, service)
		}
	}
	if out, err := c.try("", "exec", "deployment/app", "--", "/app", "lookup", "example.com"); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("lookup of a name outside: %q, error %v; want no such host", out, err)
	}
	if err := os.WriteFile(c.env["CLUSTER_HOSTS"], []byte("10.1.2.3 added.example.test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() error {
		out, err := c.try("", "exec", "deployment/app", "--", "/app", "lookup", "added.example.test")
		if err == nil && strings.TrimSpace(out) != "10.1.2.3" {
			err = fmt.Errorf("lookup of an added name: %q", out)
		}
		return err
	})
}

// testIngress asks the ingress controller by HTTPS, trusting nothing but the local authority.
func testIngress(t *testing.T, c *running) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots(t, c.env["CLUSTER_CA_INGRESS"]), ServerName: host},
	}}
	eventually(t, 30*time.Second, func() error { return ask(client, "https://"+c.env["HTTPS_ADDR"]) })
}

// roots are the certificates of a file.
func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %s", file)
	}
	return pool
}

func testForward(t *testing.T, c *running) {
	t.Helper()
	eventually(t, time.Minute, func() error { return ask(http.DefaultClient, "http://"+c.env["FORWARD_APP"]) })
}

// ask expects the app's answer.
func ask(client *http.Client, url string) error {
	request, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "hello from app-") {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}

func testAudit(t *testing.T, c *running) {
	t.Helper()
	text, err := os.ReadFile(c.env["CLUSTER_AUDIT_LOG"])
	if err != nil {
		t.Fatal(err)
	}
	if want := `"requestURI":"/api/v1/namespaces/default/services/app"`; !strings.Contains(string(text), want) {
		t.Errorf("no %s in the audit log of %d bytes", want, len(text))
	}
}

// testRestart kills programs of the cluster by the process ids that it writes down. They come back, and
// the pod has not noticed.
func testRestart(t *testing.T, c *running) {
	t.Helper()
	c.t = t
	pod := c.kubectl("get", "pods", "--output=jsonpath={.items[0].metadata.uid}")
	for _, program := range []string{"kube-apiserver", "etcd", "containerd", "netpol"} {
		pid := c.pid(program)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s, %d: %v", program, pid, err)
		}
		eventually(t, 30*time.Second, func() error {
			text, err := os.ReadFile(filepath.Join(c.dir, "pids", program))
			if err == nil && strings.TrimSpace(string(text)) == fmt.Sprint(pid) {
				err = fmt.Errorf("%s was not started again", program)
			}
			return err
		})
	}
	eventually(t, 60*time.Second, func() error {
		_, err := c.try("", "exec", "deployment/app", "--", "/app", "lookup", "app")
		return err
	})
	if now := c.kubectl("get", "pods", "--output=jsonpath={.items[0].metadata.uid}"); now != pod {
		t.Errorf("pod %s, %s before", now, pod)
	}
}
