package test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestControlPlane starts what runs without root, and everything that it promises.
func TestControlPlane(t *testing.T) {
	c := start(t, append([]string{"--control-plane"}, identityFlags...)...)
	if mode := c.env["CLUSTER_MODE"]; mode != "control-plane" {
		t.Errorf("CLUSTER_MODE is %q", mode)
	}
	if out := c.kubectl("get", "clusterissuer", c.env["CLUSTER_ISSUER"], "--output=jsonpath={.status.conditions[0].status}"); out != "True" {
		t.Errorf("the issuer's condition is %q", out)
	}
	// Whatever they answer, and wherever they send a client that asks for no host they know: they are there.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, url := range []string{"http://" + c.env["REGISTRY"] + "/v2/", "http://" + c.env["HTTP_ADDR"]} {
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	c.mustDeliver(t, c.env["SMTP_HOST"]+":"+c.env["SMTP_PORT"])
	c.mustSignIn(t)
	etcd := c.pid("etcd")
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.waitEnd(15 * time.Second); err != nil {
		t.Errorf("the command ended with %v, want no error", err)
	}
	if err := syscall.Kill(etcd, 0); err == nil {
		t.Error("etcd still runs")
	}
	if _, err := os.Stat(filepath.Join(c.dir, "env")); !os.IsNotExist(err) {
		t.Errorf("env in the cluster's folder: %v; want that it does not exist", err)
	}
}

// TestEndsWithParent starts a cluster from a shell that then ends.
func TestEndsWithParent(t *testing.T) {
	dir := t.TempDir()
	shell := exec.Command("sh", "-c", `"$0" start --control-plane --dir "$1" 2>"$1/output" & while ! test -e "$1/env"; do sleep 0.1; done`, command, dir)
	if err := shell.Run(); err != nil {
		t.Fatal(err)
	}
	// Why it ended is the last that the command says.
	eventually(t, time.Minute, func() error {
		text, err := os.ReadFile(filepath.Join(dir, "output"))
		if err == nil && !strings.Contains(string(text), "the process that started the cluster has ended") {
			err = fmt.Errorf("output %q, want why it ended", text)
		}
		return err
	})
	if _, err := os.Stat(filepath.Join(dir, "state.json")); !os.IsNotExist(err) {
		t.Errorf("state.json in the cluster's folder: %v; want that it does not exist", err)
	}
}
