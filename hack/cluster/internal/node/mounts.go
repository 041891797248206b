package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
)

// setUpMounts gives the node's programs the folders that they write to by names that cannot be configured,
// without a trace on the machine: /run and /var are in memory, /var over what the machine has there. The
// folders in keep stay the machine's own wherever they lie.
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
	resolver, err := os.Readlink("/etc/resolv.conf")
	if err != nil {
		resolver = "" // a file
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
	if err := mountResolver(dir, resolver); err != nil {
		return fmt.Errorf("/etc/resolv.conf: %w", err)
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

// shadow mounts memory over /run and, as a layer that takes all writes, over /var.
func shadow() error {
	if err := unix.Mount("run", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	const upper, work = "/run/var/upper", "/run/var/work"
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("var", "/var", "overlay", 0, "lowerdir=/var,upperdir="+upper+",workdir="+work); err != nil {
		return fmt.Errorf("mount /var: %w", err)
	}
	return nil
}

// restore mounts the opened folders at their names again where those are shadowed, and closes them.
func restore(kept []*os.File) error {
	for _, f := range kept {
		if !strings.HasPrefix(f.Name(), "/run/") && !strings.HasPrefix(f.Name(), "/var/") {
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

// mountResolver points the node's programs to the cluster's DNS server. Where the machine's file is a link
// into what is shadowed, its target is made there.
func mountResolver(dir, link string) error {
	text := []byte("nameserver " + address.Node + "\n")
	if link != "" && !filepath.IsAbs(link) {
		link = filepath.Clean("/etc/" + link)
	}
	if strings.HasPrefix(link, "/run/") {
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		return os.WriteFile(link, text, 0o644)
	}
	file := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	return unix.Mount(file, "/etc/resolv.conf", "", unix.MS_BIND, "")
}
