package build

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// A stub replaces one package of a module and leaves the others, the module itself and its other users alone.
func TestStub(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"lib/go.mod":           "module example.test/lib\n\ngo 1.26.0\n",
		"lib/cloud/a.go":       "package cloud\n\nfunc Name() string { return \"cloud, \" + suffix }\n",
		"lib/cloud/b.go":       "package cloud\n\nconst suffix = \"whole\"\n",
		"lib/other/o.go":       "package other\n\nfunc Name() string { return \"other\" }\n",
		"app/go.mod":           "module example.test/app\n\ngo 1.26.0\n\nrequire example.test/lib v0.0.0\n\nreplace example.test/lib => ../lib\n",
		"app/go.sum":           "",
		"app/stubs/cloud/c.go": "package cloud\n\nfunc Name() string { return \"stub\" }\n",
		"app/main.go": "package main\n\nimport (\n\t\"example.test/lib/cloud\"\n\t\"example.test/lib/other\"\n)\n\n" +
			"func main() { print(cloud.Name(), \", \", other.Name()) }\n",
	})
	app := component.Component{Name: "app", Dir: "app", Sources: []string{"."}, Builds: []component.Build{{Packages: []string{"."}}}}
	stubbed := app
	stubbed.Name, stubbed.Sources = "stubbed", []string{".", "stubs/cloud"}
	stubbed.Stubs = map[string]string{"example.test/lib/cloud": "stubs/cloud"}
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Source: dir, Progress: t.Output()}
	dirs, err := c.Ensure(t.Context(), []component.Component{app, stubbed})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"app": "cloud, whole, other", "stubbed": "stub, other"} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dirs[name], "app")).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s says %q, error %v; want %q", name, out, err, want)
		}
	}
}
