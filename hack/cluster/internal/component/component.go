// Package component lists what the cluster is built from: which programs, out of which Go module, with
// which flags. To add a program to the cluster, begin here.
//
// No version stands in this package. Each is pinned in one go.mod, and where a program wants to be told
// its own version, it is read from that module's graph when the program is built.
package component

import (
	"fmt"
	"slices"
)

// Component is a set of programs that is built, hashed and cached as one, out of one Go module.
type Component struct {
	// Name names the component on the command line and in the cache.
	Name string
	// Dir is the folder of the module's go.mod, relative to the root of this project.
	Dir string
	// Sources are the folders, relative to Dir, whose Go files belong to the component. Those and the
	// module's go.mod and go.sum decide whether a cached build still fits.
	Sources []string
	// Stubs are packages of other modules that the builds do without, each with the folder of Sources whose files replace its own.
	Stubs map[string]string `json:",omitempty"`
	// Builds are run one after the other.
	Builds []Build
	// Links are further names for programs, link to program, both relative to the component's folder.
	Links map[string]string
	// Copies are folders out of modules of the graph, by their name in the component's folder.
	Copies map[string]ModuleFiles
	// Images are made of programs of this component, by their file name in the component's folder.
	Images map[string]Image
	// NodeOnly is true for what only a cluster with a node runs, which takes root.
	NodeOnly bool
	// Optional is true for what a cluster runs only when it is asked for by name, which is no part of a cached build's name.
	Optional bool `json:"-"`
	// Needs are the Debian packages without which the component cannot be built, beside Go itself.
	Needs []string
}

// Build is one run of the Go compiler, for programs that share their flags.
type Build struct {
	// Packages are the main packages. Each becomes a file that is named by its last path element.
	Packages []string
	// To is the folder of the files inside the component's folder; empty means at its top.
	To string
	// Tags are build tags.
	Tags []string
	// Cgo lets the programs link C libraries; all are static all the same.
	Cgo bool
	// Stamps are string variables that are set to something told by the module graph.
	Stamps []Stamp
}

// Stamp sets a variable of a program to the version of a module.
type Stamp struct {
	// Variable is the variable's full name, package path included.
	Variable string
	// Module is the path of the module in the graph.
	Module string
	// Part picks what of the version is wanted; nil means all of it, such as v1.37.2. It is no part of a
	// cached build's name, since the variable says already which part it takes.
	Part func(version string) string `json:"-"`
}

// ModuleFiles is a folder inside a module.
type ModuleFiles struct {
	Module, Dir string
}

// Image is a container image of one program, FROM scratch.
type Image struct {
	// Ref is the name that the image gets where it is imported.
	Ref string
	// Program is the file in the component's folder that is the image's only content and entry point.
	Program string
}

// All returns every component, in the order in which they are best built.
func All() []Component {
	return []Component{kube(), node(), certManager(), coreDNS(), netPol(), traefik(), pebble(), mailbox(), dex(), flux()}
}

// Named returns the components with these names, in the order of All.
func Named(names ...string) ([]Component, error) {
	want := make(map[string]bool, len(names))
	for _, n := range names {
		want[n] = true
	}
	var found []Component
	for _, c := range All() {
		if want[c.Name] {
			found = append(found, c)
			delete(want, c.Name)
		}
	}
	for n := range want {
		return nil, fmt.Errorf("no component is named %q", n)
	}
	return found, nil
}

// ForMode returns the components of a cluster with or without a node. Of the optional ones, those that are named are among them.
func ForMode(node bool, optional ...string) []Component {
	var found []Component
	for _, c := range All() {
		if (node || !c.NodeOnly) && (!c.Optional || slices.Contains(optional, c.Name)) {
			found = append(found, c)
		}
	}
	return found
}
