package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
)

// setUpMounts gives the node's programs the folders that they write to by names that cannot be configured,
// without a trace on the machine: /run, /etc and /var are in memory, the latter two over what the machine has
// there. The folders in keep stay the machine's own wherever they lie.
func setUpMounts(dir string, keep []string) error {
	unified, err := cgroup.Unified()
	if err != nil {
		return err
	}
	// A new sysfs shows this network namespace's interfaces.
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := cgroup.MountInside(unified); err != nil {
		return fmt.Errorf("mount control groups: %w", err)
	}
	kept, err := open(keep)
	if err != nil {
		return err
	}
	if err := shadow(); err != nil {
		return err
	}
	if err := restore(kept); err != nil {
		return err
	}
	if err := bind(filepath.Join(dir, "kubelet"), kubeletRoot); err != nil {
		return err
	}
	if err := writeNames(); err != nil {
		return err
	}
	// Pods' volumes are mounted by the kubelet and have to appear where containers are made.
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// open opens folders, so that they can be reached once something else is mounted over them.
func open(paths []string) ([]*os.File, error) {
	files := make([]*os.File, 0, len(paths))
	for _, p := range paths {
		f, err := os.OpenFile(p, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// shadow mounts memory over /run and, as a layer that takes all writes, over /etc and /var.
func shadow() error {
	if err := unix.Mount("run", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, folder := range []string{"/etc", "/var"} {
		upper, work := "/run/layers"+folder+"/upper", "/run/layers"+folder+"/work"
		for _, d := range []string{upper, work} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount("layer", folder, "overlay", 0, "lowerdir="+folder+",upperdir="+upper+",workdir="+work); err != nil {
			return fmt.Errorf("mount %s: %w", folder, err)
		}
	}
	return nil
}

// restore mounts the opened folders at their names again where those are shadowed, and closes them.
func restore(kept []*os.File) error {
	for _, f := range kept {
		if !slices.ContainsFunc([]string{"/run/", "/etc/", "/var/"}, func(shadowed string) bool { return strings.HasPrefix(f.Name(), shadowed) }) {
			continue
		}
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), f.Name()); err != nil {
			return err
		}
	}
	for _, f := range kept {
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// bind makes the folder from, created if need be, appear at to.
func bind(from, to string) error {
	for _, d := range []string{from, to} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s to %s: %w", from, to, err)
	}
	return nil
}

// writeNames points the node's programs to the cluster's DNS server, and gives pods on the node's network a hosts file, which a machine made of a
// minimal image may lack.
func writeNames() error {
	if err := os.Remove("/etc/resolv.conf"); err != nil && !errors.Is(err, os.ErrNotExist) { // It may be a link.
		return err
	}
	if err := os.WriteFile("/etc/resolv.conf", []byte("nameserver "+address.Node+"\n"), 0o644); err != nil {
		return err
	}
	hosts, err := os.OpenFile("/etc/hosts", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = hosts.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	return errors.Join(err, hosts.Close())
}
