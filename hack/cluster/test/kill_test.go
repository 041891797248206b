package test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestKill kills one of a cluster's processes that all others depend on. Nothing may stay.
func TestKill(t *testing.T) {
	needRoot(t)
	cases := map[string]struct {
		reason string
		victim func(t *testing.T, c *running) int
	}{
		"Command": {
			reason: "The watcher has to tidy up.",
			victim: func(_ *testing.T, c *running) int { return c.cmd.Process.Pid },
		},
		"CommandWithoutState": {
			reason: "The folder may be removed, as rm does it, before the cluster is.",
			victim: func(t *testing.T, c *running) int {
				t.Helper()
				if err := os.Remove(filepath.Join(c.dir, "state.json")); err != nil {
					t.Fatal(err)
				}
				return c.cmd.Process.Pid
			},
		},
		"Init": {
			reason: "The kernel ends the process namespace, and the command notices.",
			victim: func(t *testing.T, c *running) int { t.Helper(); return childOf(t, c.cmd.Process.Pid, "sandbox-init") },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := interfaces(t)
			c := start(t)
			c.deployApp()
			tr := c.traces(before)
			if err := syscall.Kill(tc.victim(t, c), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := c.waitEnd(time.Minute); err == nil {
				t.Error("the command ended without an error")
			}
			tr.assertGone(t)
			for _, file := range []string{"env", "kubeconfig", "pids", "state.json"} {
				if _, err := os.Stat(filepath.Join(c.dir, file)); !os.IsNotExist(err) {
					t.Errorf("%s: %s in the cluster's folder: %v; want that it does not exist", tc.reason, file, err)
				}
			}
		})
	}
}

// childOf returns a child of a process by the first argument that it was started with.
func childOf(t *testing.T, parent int, argument string) int {
	t.Helper()
	pid := strconv.Itoa(parent)
	tasks, err := filepath.Glob(filepath.Join("/proc", pid, "task", "*", "children"))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended
		}
		for child := range bytes.FieldsSeq(text) {
			args, err := os.ReadFile(filepath.Join("/proc", string(child), "cmdline"))
			if err != nil || !bytes.Contains(args, []byte("\x00"+argument+"\x00")) {
				continue
			}
			found, err := strconv.Atoi(string(child))
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	t.Fatalf("process %d has no child with argument %s", parent, argument)
	return 0
}
