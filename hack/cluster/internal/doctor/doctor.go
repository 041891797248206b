// Package doctor tells what a machine lacks before anything is tried that would fail for it.
package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// Need is something that has to be on the machine.
type Need struct {
	// Package is the Debian package that brings it; empty if none does.
	Package string
	// What says what is missing and what for.
	What string
	// OK reports whether it is there.
	OK func() bool
}

// known are the packages that components may need.
var known = map[string]Need{
	"gcc":            {What: "gcc, for runc and the race detector", OK: program("gcc")},
	"libc6-dev":      {What: "the static C library, for runc", OK: static("libc.a")},
	"libseccomp-dev": {What: "libseccomp's headers and static library, for runc", OK: static("libseccomp.a")},
	"pkg-config":     {What: "pkg-config, for runc", OK: program("pkg-config")},
	"git":            {What: "git, for Flux's sources", OK: program("git")},
	"nftables":       {What: "the nft command, for kube-proxy and pods' ports", OK: program("nft")},
	"chromium":       {What: "Chromium, for tests of pages", OK: program("chromium")},
}

// Named returns the needs with these names of Debian packages.
func Named(names ...string) ([]Need, error) {
	for _, name := range names {
		if _, ok := known[name]; !ok {
			return nil, fmt.Errorf("package %s is not known here; known are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return packages(names), nil
}

// ToBuild returns what building the components needs.
func ToBuild(comps []component.Component) []Need {
	needs := []Need{{Package: "golang-go", What: "the go command", OK: program("go")}}
	for _, c := range comps {
		needs = append(needs, packages(c.Needs)...)
	}
	return needs
}

// ToRun returns what a running cluster needs, with or without a node and Flux.
func ToRun(node, flux bool) []Need {
	var needs []Need
	if flux {
		needs = packages([]string{"git"})
	}
	if !node {
		return needs
	}
	return append(append(needs, packages([]string{"nftables"})...),
		Need{What: "root, for a node's namespaces, mounts and cgroups", OK: func() bool { return os.Geteuid() == 0 }},
		Need{What: "the kernel's overlay file system", OK: filesystem("overlay")},
		Need{What: "the kernel's cgroups, mounted at /sys/fs/cgroup", OK: exists("/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/memory")},
	)
}

// Check returns one error that names all that is missing and, where a package brings it, how to install it.
func Check(needs []Need) error {
	var lines []string
	for _, n := range needs {
		if !n.OK() {
			lines = append(lines, "  "+n.What)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	text := "this machine lacks:\n" + strings.Join(slices.Compact(lines), "\n")
	if p := Packages(needs); len(p) > 0 {
		text += "\non Debian or Ubuntu: apt-get install --no-install-recommends " + strings.Join(p, " ")
	}
	return errors.New(text)
}

// Packages returns the sorted names of the Debian packages that would bring what is missing.
func Packages(needs []Need) []string {
	var names []string
	for _, n := range needs {
		if n.Package != "" && !n.OK() {
			names = append(names, n.Package)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func packages(names []string) []Need {
	needs := make([]Need, 0, len(names))
	for _, name := range names {
		n := known[name]
		n.Package = name
		needs = append(needs, n)
	}
	return needs
}

func program(name string) func() bool {
	return func() bool {
		_, err := exec.LookPath(name)
		return err == nil
	}
}

// static asks the C compiler for a library's file, which it repeats without a folder if there is none.
func static(file string) func() bool {
	return func() bool {
		out, err := exec.Command("gcc", "-print-file-name="+file).Output()
		return err == nil && string(bytes.TrimSpace(out)) != file
	}
}

// filesystem reports whether the kernel has it, loaded or as a module to be loaded.
func filesystem(name string) func() bool {
	return func() bool {
		text, err := os.ReadFile("/proc/filesystems")
		if err == nil && bytes.Contains(text, []byte("\t"+name+"\n")) {
			return true
		}
		return exec.Command("modprobe", "-q", name).Run() == nil
	}
}

func exists(paths ...string) func() bool {
	return func() bool {
		return slices.ContainsFunc(paths, func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		})
	}
}
