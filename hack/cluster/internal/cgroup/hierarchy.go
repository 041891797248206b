// Package cgroup gives a cluster control groups of its own, on machines with cgroup v1, v2 or both, and
// takes them away again.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// root is where every distribution mounts the control groups.
const root = "/sys/fs/cgroup"

// Unified reports whether the machine has cgroup v2 alone. With v2 beside v1, v1 holds the controllers
// and v2 nothing that is needed here.
func Unified() (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return false, fmt.Errorf("%s: %w", root, err)
	}
	return fs.Type == unix.CGROUP2_SUPER_MAGIC, nil
}

// hierarchy is one mounted tree of control groups.
type hierarchy struct {
	// options are the mount options that name it, such as cpu,cpuacct or name=systemd; empty for v2.
	options string
	// current is the folder of the group that this process is in.
	current string
}

// hierarchies returns the trees that hold controllers: the one of v2, or all of v1.
func hierarchies() ([]hierarchy, error) {
	unified, err := Unified()
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	return parse(string(mounts), string(groups), unified), nil
}

// parse matches the mounted trees of proc_pid_mountinfo(5) with the groups of cgroups(7)'s
// /proc/PID/cgroup.
func parse(mounts, groups string, unified bool) []hierarchy {
	var found []hierarchy
	for line := range strings.SplitSeq(groups, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || (parts[1] == "") != unified {
			continue
		}
		if dir := mountOf(mounts, parts[1], parts[2], unified); dir != "" {
			found = append(found, hierarchy{options: parts[1], current: dir})
		}
	}
	return found
}

// mountOf returns the folder of the group path in the tree that is named by options, empty if that tree
// is not mounted.
func mountOf(mounts, options, path string, unified bool) string {
	for line := range strings.SplitSeq(mounts, "\n") {
		before, after, ok := strings.Cut(line, " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(super) < 3 {
			continue
		}
		inner, mountpoint := fields[3], fields[4]
		if unified {
			ok = super[0] == "cgroup2" && mountpoint == root
		} else {
			ok = super[0] == "cgroup" && hasAll(strings.Split(super[2], ","), strings.Split(options, ","))
		}
		if ok {
			return filepath.Join(mountpoint, strings.TrimPrefix(path, strings.TrimSuffix(inner, "/")))
		}
	}
	return ""
}

func hasAll(all, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(all, w) })
}
