package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// traces are what a cluster could leave behind on the machine.
type traces struct {
	folder     string
	processes  string // the process namespace of what runs in it
	group      string
	interfaces []string
}

// interfacesOf lists the machine's network interfaces.
func interfaces(t *testing.T) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(all))
	for _, i := range all {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return names
}

// traces finds out what there is of a running cluster, and that it can be found.
func (c *running) traces(before []string) traces {
	c.t.Helper()
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.pid("etcd")))
	if err != nil {
		c.t.Fatal(err)
	}
	tr := traces{folder: c.dir, processes: namespace, group: fmt.Sprintf("-%d-", c.cmd.Process.Pid), interfaces: before}
	own, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		c.t.Fatal(err)
	}
	if namespace == own {
		c.t.Error("the cluster shares the machine's process namespace")
	}
	if found := tr.find(c.t); len(found) < 10 {
		c.t.Errorf("only %q found of a running cluster; the search is broken", found)
	}
	return tr
}

// find lists what is there of the cluster: processes, mounts, control groups.
func (tr traces) find(t *testing.T) []string {
	t.Helper()
	found := slices.Concat(tr.findProcesses(t), tr.findGroups(t))
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(mounts) {
		if bytes.Contains(line, []byte(tr.folder)) {
			found = append(found, "mount "+string(line))
		}
	}
	return found
}

// findProcesses lists processes that are in the cluster's process namespace or were started for its
// folder.
func (tr traces) findProcesses(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		// Whatever cannot be read has ended meanwhile.
		namespace, _ := os.Readlink(filepath.Join("/proc", e.Name(), "ns/pid"))
		args, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if namespace == tr.processes || bytes.Contains(args, []byte(tr.folder)) {
			found = append(found, "process "+e.Name()+" "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found
}

func (tr traces) findGroups(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), "cluster-") && strings.Contains(e.Name(), tr.group) {
			found = append(found, "control group "+path)
		}
		return nil // groups of others come and go
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// assertGone fails the test unless all traces are gone, soon.
func (tr traces) assertGone(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		if found := tr.find(t); len(found) > 0 {
			return fmt.Errorf("left: %q", found)
		}
		return nil
	})
	if now := interfaces(t); !slices.Equal(tr.interfaces, now) {
		t.Errorf("network interfaces %q, %q before", now, tr.interfaces)
	}
}
