package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Group is a control group in every hierarchy, made for one cluster.
type Group struct {
	dirs []string
}

// New makes a group that is named after the calling process. In v1 it lies below the caller's own group,
// whose limits go on to hold. In v2, where a group with processes cannot hand controllers down, it lies at
// the top of the tree that the caller can see.
func New() (*Group, error) {
	name, err := nameOfCaller()
	if err != nil {
		return nil, err
	}
	trees, err := hierarchies()
	if err != nil {
		return nil, err
	}
	if len(trees) == 0 {
		return nil, errors.New("no control groups are mounted below " + root)
	}
	g := &Group{}
	for _, t := range trees {
		parent := t.current
		if t.options == "" {
			if err := openUnified(root); err != nil {
				return nil, err
			}
			parent = root
		}
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, errors.Join(err, Remove(g.dirs))
		}
		g.dirs = append(g.dirs, dir)
		if err := inheritCPUSet(parent, dir); err != nil {
			return nil, errors.Join(err, Remove(g.dirs))
		}
	}
	return g, nil
}

// Dirs are the group's folders, one in each hierarchy.
func (g *Group) Dirs() []string { return g.dirs }

// During runs f while the calling process is in the group, and then moves it back. A cgroup namespace that
// is made meanwhile has the group as its root.
func (g *Group) During(f func() error) error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	for _, dir := range g.dirs {
		if err := join(dir); err != nil {
			return err
		}
	}
	err = f()
	for _, t := range trees {
		err = errors.Join(err, join(t.current))
	}
	return err
}

// join moves the calling process into a group.
func join(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
		return fmt.Errorf("join a control group: %w", err)
	}
	return nil
}

// inheritCPUSet gives a new v1 group its parent's processors and memory nodes, without which no process
// can enter it. Other hierarchies have no such files.
func inheritCPUSet(parent, dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := os.ReadFile(filepath.Join(parent, name))
		if errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(text)) == "" {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0); err != nil {
			return err
		}
	}
	return nil
}

// controllers are those of v2 that the kubelet and the container runtime work with, required those without
// which no pod can start.
var (
	controllers = []string{"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}
	required    = []string{"cpu", "memory", "pids"}
)

// openUnified lets the children of a v2 group use the controllers that the group has. Only the machine's
// real root may do that while it holds processes; the root that a container sees is a common group, so
// its processes are moved to a leaf first.
func openUnified(dir string) error {
	err := enableControllers(dir)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := filepath.Join(dir, "init")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Processes may be born while others are moved.
	for range 10 {
		if err := moveAll(dir, leaf); err != nil {
			return err
		}
		if err = enableControllers(dir); !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return err
}

// enableControllers hands a group's controllers down, all in one go: cpu and pids alone can be enabled in a
// group with processes, and would make it one in which memory and io cannot be.
func enableControllers(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	there := strings.Fields(string(text))
	if !hasAll(there, required) {
		return fmt.Errorf("%s hands down the controllers %q; a node needs %q", dir, there, required)
	}
	there = slices.DeleteFunc(there, func(c string) bool { return !slices.Contains(controllers, c) })
	change := "+" + strings.Join(there, " +")
	if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(change), 0); err != nil {
		return fmt.Errorf("control group controllers %s: %w", change, err)
	}
	return nil
}

// moveAll moves the processes of one group into another. One that ends meanwhile, or that belongs to the
// kernel, stays.
func moveAll(from, to string) error {
	text, err := os.ReadFile(filepath.Join(from, "cgroup.procs"))
	if err != nil {
		return err
	}
	for pid := range strings.FieldsSeq(string(text)) {
		err := os.WriteFile(filepath.Join(to, "cgroup.procs"), []byte(pid), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return nil
}
