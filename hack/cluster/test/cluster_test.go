package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a cluster may take to be ready on a busy machine.
const startTimeout = 2 * time.Minute

// running is a cluster that a test started.
type running struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	done chan error
	env  map[string]string
}

// start starts a cluster and waits until it is ready. It ends with the test, at the latest.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	// Not t.TempDir, whose removal would fail the test for what a cluster leaves, before that was looked at.
	dir, err := os.MkdirTemp("", "cluster-dir-")
	if err != nil {
		t.Fatal(err)
	}
	c := &running{t: t, dir: dir, done: make(chan error, 1)}
	c.cmd = exec.Command(command, append([]string{"start", "--dir", dir}, args...)...)
	// A file rather than a pipe, which the watcher of a killed command would hold open.
	stderr, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	c.cmd.Stderr = stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	t.Cleanup(c.cleanUp)
	c.waitReady()
	return c
}

func (c *running) cleanUp() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // may have ended meanwhile
		<-c.done
	}
	if c.t.Failed() {
		c.t.Logf("the output and logs are in %s", c.dir)
		return // its logs are wanted
	}
	if err := os.RemoveAll(c.dir); err != nil {
		c.t.Error(err)
	}
}

func (c *running) waitReady() {
	c.t.Helper()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(c.dir, "env"))
		if err == nil {
			c.env = parseEnv(string(text))
			return
		}
		select {
		case err := <-c.done:
			c.done <- err
			c.t.Fatalf("the cluster ended: %v\n%s", err, c.output())
		default:
		}
		if time.Now().After(deadline) {
			c.t.Fatal("the cluster is not ready in time")
		}
	}
}

// output is what the command has told so far.
func (c *running) output() string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "output"))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// parseEnv reads what the cluster writes for shells; no value in a test has a quote in it.
func parseEnv(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = strings.Trim(value, "'")
	}
	return env
}

// waitEnd waits for the command's end and says how it ended.
func (c *running) waitEnd(timeout time.Duration) error {
	c.t.Helper()
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(timeout):
		c.t.Fatalf("the command has not ended within %s", timeout)
		return nil
	}
}

// try runs kubectl as the administrator.
func (c *running) try(stdin string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(c.env["CLUSTER_BIN"], "kubectl"), append([]string{"--kubeconfig=" + c.env["KUBECONFIG"]}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// kubectl is try that must succeed.
func (c *running) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.try("", args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// mustApply applies manifests.
func (c *running) mustApply(manifests string) {
	c.t.Helper()
	if _, err := c.try(manifests, "apply", "--filename=-"); err != nil {
		c.t.Fatal(err)
	}
}

// pid is the process id of one of the cluster's programs.
func (c *running) pid(program string) int {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "pids", program))
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	return pid
}

// eventually tries f until it succeeds.
func eventually(t *testing.T, timeout time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", timeout, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
