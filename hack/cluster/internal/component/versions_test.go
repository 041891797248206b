package component_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// root is the folder of Berth's own module, from here.
const root = "../../../.."

// All components and Berth have the same version of each module, since a package of two versions is compiled twice. Traefik is for an OpenTelemetry whose
// package log is a module of its own.
func TestVersionsAgree(t *testing.T) {
	files := []string{"go.mod"}
	for _, c := range component.All() {
		if file := filepath.Join("hack/cluster", c.Dir, "go.mod"); !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	type use struct{ version, file string }
	first := map[string]use{}
	for _, file := range files {
		for path, version := range versions(t, file) {
			before, ok := first[path]
			switch {
			case !ok:
				first[path] = use{version, file}
			case before.version != version:
				t.Errorf("%s has %s %s, but %s has %s: give them the same by `go get` and `go mod tidy`", file, path, version, before.file, before.version)
			}
		}
	}
}

// versions returns the version of each module that a go.mod names.
func versions(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse(file, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range mod.Require {
		all[r.Mod.Path] = r.Mod.Version
	}
	maps.DeleteFunc(all, func(path, _ string) bool {
		return strings.Contains(file, "/traefik/") && strings.HasPrefix(path, "go.opentelemetry.io/")
	})
	for _, r := range mod.Replace {
		if r.New.Path != r.Old.Path || r.New.Version != all[r.Old.Path] {
			delete(all, r.Old.Path) // The module's authors insist.
		}
	}
	return all
}
