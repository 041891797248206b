package cgroup

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// leaf holds the cluster's own programs. In v2 a group that hands controllers to the pods' groups may hold
// no process itself.
const leaf = "system"

// MountInside mounts the control groups as a new cgroup namespace shows them, over /sys/fs/cgroup, which
// has to be there. It moves the processes of the namespace's root, which must be the cluster's first, to
// where the pods' groups can lie beside them.
func MountInside(unified bool) error {
	if !unified {
		return mountV1()
	}
	if err := unix.Mount("cgroup2", root, "cgroup2", 0, ""); err != nil {
		return err
	}
	dir := filepath.Join(root, leaf)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := moveAll(root, dir); err != nil {
		return err
	}
	return enableControllers(root)
}

func mountV1() error {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	if err := unix.Mount("cgroup", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || parts[1] == "" {
			continue
		}
		if err := mountController(parts[1]); err != nil {
			return err
		}
	}
	return nil
}

// mountController mounts one v1 hierarchy. Programs look for a controller under its own name even where it
// shares a hierarchy, as cpu,cpuacct do.
func mountController(options string) error {
	name, named := strings.CutPrefix(options, "name=")
	if named {
		options = "none," + options
	}
	dir := filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("cgroup", dir, "cgroup", 0, options); err != nil {
		return err
	}
	controllers := strings.Split(name, ",")
	if len(controllers) == 1 {
		return nil
	}
	for _, c := range controllers {
		if err := os.Symlink(name, filepath.Join(root, c)); err != nil {
			return err
		}
	}
	return nil
}
