package build

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// write writes files, by their names below dir.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hello is a component with one small program, and source its sources.
func hello() component.Component {
	return component.Component{
		Name: "hello", Dir: "parts/hello", Sources: []string{"."},
		Builds: []component.Build{{Packages: []string{"."}, To: "bin"}},
		Links:  map[string]string{"greet": "bin/hello"},
		Images: map[string]component.Image{"images/hello.tar": {Ref: "localhost/hello:v1", Program: "bin/hello"}},
	}
}

func source(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"parts/hello/go.mod":  "module example.test/hello\n\ngo 1.26.0\n",
		"parts/hello/go.sum":  "",
		"parts/hello/main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	})
	return dir
}

func TestEnsure(t *testing.T) {
	var progress bytes.Buffer
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Source: source(t), Progress: &progress}
	all := []component.Component{hello()}
	missing, err := c.Missing(t.Context(), all)
	if err != nil || len(missing) != 1 {
		t.Fatalf("Missing: %d components, error %v; want the one", len(missing), err)
	}
	dirs, err := c.Ensure(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dirs["hello"], "greet")).CombinedOutput()
	if err != nil || string(out) != "hello\n" {
		t.Errorf("the program through its link says %q, error %v; want hello", out, err)
	}
	if !exists(filepath.Join(dirs["hello"], "images", "hello.tar")) {
		t.Error("no image was made")
	}
	if !strings.Contains(progress.String(), "build hello: ") || !strings.Contains(progress.String(), ", 100 % of all") {
		t.Errorf("progress %q, want the component, and that all is done", &progress)
	}

	progress.Reset()
	again, err := c.Ensure(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dirs, again); diff != "" || progress.Len() > 0 {
		t.Errorf("Ensure again built: %q, -want +got:\n%s", &progress, diff)
	}
}

func TestEnsureBrokenSource(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Source: source(t), Progress: &bytes.Buffer{}}
	write(t, c.Source, map[string]string{"parts/hello/main.go": "package main\n\nfunc main() { nosuch() }\n"})
	_, err := c.Ensure(t.Context(), []component.Component{hello()})
	if err == nil || !strings.Contains(err.Error(), "undefined: nosuch") {
		t.Errorf("error %v, want what the compiler said", err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "*hello-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, error %v; want nothing", left, err)
	}
}

func TestEnsureAfterKilledBuild(t *testing.T) {
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Source: source(t), Progress: &bytes.Buffer{}}
	write(t, c.Dir, map[string]string{".hello-123/bin/hello": "half a program", ".other-123/bin/other": "another component's"})
	if _, err := c.Ensure(t.Context(), []component.Component{hello()}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, ".*-*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(c.Dir, ".other-123")}, left); diff != "" {
		t.Errorf("unfinished folders: -want +got:\n%s", diff)
	}
}

// TestEnsureInterrupted interrupts a build that waits for another process to end its own.
func TestEnsureInterrupted(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Source: source(t), Progress: &bytes.Buffer{}}
	unlock, err := c.lock(t.Context(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Ensure(ctx, []component.Component{hello()})
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that ctx ended", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it still waits")
	}
}

func TestHash(t *testing.T) {
	same := func(t *testing.T, _ string, _ *component.Component, _ *toolchain) { t.Helper() }
	cases := map[string]struct {
		reason string
		change func(t *testing.T, root string, c *component.Component, tools *toolchain)
		keeps  bool
	}{
		"Nothing": {change: same, keeps: true},
		"Source": {change: func(t *testing.T, root string, _ *component.Component, _ *toolchain) {
			t.Helper()
			write(t, root, map[string]string{"parts/hello/main.go": "package main\n\nfunc main() {}\n"})
		}},
		"Pins": {change: func(t *testing.T, root string, _ *component.Component, _ *toolchain) {
			t.Helper()
			write(t, root, map[string]string{"parts/hello/go.sum": "example.test/x v1.0.0 h1:x\n"})
		}},
		"Flags": {change: func(_ *testing.T, _ string, c *component.Component, _ *toolchain) {
			c.Builds[0].Tags = []string{"netgo"}
		}},
		"Toolchain": {change: func(_ *testing.T, _ string, _ *component.Component, tools *toolchain) {
			tools.GOVERSION = "go1.27.0"
		}},
		"Test": {
			reason: "Tests are not built in.",
			change: func(t *testing.T, root string, _ *component.Component, _ *toolchain) {
				t.Helper()
				write(t, root, map[string]string{"parts/hello/main_test.go": "package main\n"})
			},
			keeps: true,
		},
		"StampFunction": {
			reason: "A function has no stable text, and the variable says which part of a version it takes.",
			change: func(_ *testing.T, _ string, c *component.Component, _ *toolchain) {
				c.Builds[0].Stamps[0].Part = strings.ToUpper
			},
			keeps: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root, comp, tools := source(t), hello(), toolchain{GOVERSION: "go1.26.0", GOOS: "linux", GOARCH: "amd64"}
			comp.Builds[0].Stamps = []component.Stamp{{Variable: "main.version", Module: "example.test/hello"}}
			before, err := hash(root, comp, tools)
			if err != nil {
				t.Fatal(err)
			}
			tc.change(t, root, &comp, &tools)
			after, err := hash(root, comp, tools)
			if err != nil {
				t.Fatal(err)
			}
			if (before == after) != tc.keeps {
				t.Errorf("%s\nhash %s before, %s after; want the same: %t", tc.reason, before, after, tc.keeps)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	c := &Cache{Dir: t.TempDir()}
	ages := map[string]time.Duration{
		"kube-new": 0, "kube-week": 7 * 24 * time.Hour, "kube-old": 31 * 24 * time.Hour,
		"kube-kept": 90 * 24 * time.Hour, "node-old": 90 * 24 * time.Hour,
	}
	for name, age := range ages {
		dir := filepath.Join(c.Dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(dir, then, then); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.prune("kube", filepath.Join(c.Dir, "kube-kept")); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if diff := cmp.Diff([]string{"kube-kept", "kube-new", "kube-week", "node-old"}, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWatch(t *testing.T) {
	p := startProgress(&bytes.Buffer{})
	defer p.stop()
	said := "go: downloading example.test/x v1.0.0\n# example.test/x\n./x.go:1:2: undefined: y\n"
	failure := watch(strings.NewReader(said), func(line string) bool { return downloaded(line, p) })
	if want := "# example.test/x\n./x.go:1:2: undefined: y\n"; failure != want {
		t.Errorf("failure %q, want %q", failure, want)
	}
	if p.downloads != 1 {
		t.Errorf("%d downloads, want 1", p.downloads)
	}
}

// What is compiled beforehand is found in Go's build cache by whoever builds it with the same flags.
func TestWarm(t *testing.T) {
	t.Setenv("GOCACHE", t.TempDir())
	var progress bytes.Buffer
	c := &Cache{Dir: filepath.Join(t.TempDir(), "cache"), Source: source(t), Progress: &progress}
	module := filepath.Join(c.Source, "parts", "hello")
	write(t, module, map[string]string{"cmd/main.go": "package main\n\nfunc main() {}\n"})
	if _, err := c.Ensure(t.Context(), nil, Warm{Module: module, Packages: []string{".", "./cmd"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(progress.String(), "build Berth: ") {
		t.Errorf("progress %q, want Berth in it", &progress)
	}
	args := append([]string{"build", "-v", "-o", t.TempDir() + "/"}, CompileFlags...)
	out, err := command(t.Context(), module, false, append(args, ".", "./cmd")...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("it compiles %q, error %v; want nothing compiled", out, err)
	}
}

func TestLeft(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		p    *progress
		want time.Duration
	}{
		"nothing compiled": {&progress{total: 100, ready: 50}, 0},
		"just begun":       {&progress{total: 100, ready: 1, compiled: 1, begun: now.Add(-time.Second)}, 0},
		"half":             {&progress{total: 100, ready: 50, compiled: 50, begun: now.Add(-5 * time.Minute)}, 5 * time.Minute},
		"mostly cached":    {&progress{total: 100, ready: 90, compiled: 10, begun: now.Add(-time.Minute)}, time.Minute},
		"all":              {&progress{total: 100, ready: 100, compiled: 100, begun: now.Add(-time.Minute)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.p.left(now); got != tc.want {
				t.Errorf("%s left, want %s", got, tc.want)
			}
		})
	}
}

// TestComponents makes sure that what the component package lists is there to be hashed and built.
func TestComponents(t *testing.T) {
	root, err := FindSource()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range component.All() {
		if _, err := hash(root, c, toolchain{}); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		out, err := goCommand(t.Context(), filepath.Join(root, c.Dir), append([]string{"list", "-f", "{{.Name}}"}, c.Builds[0].Packages...)...)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		} else if strings.Trim(strings.ReplaceAll(string(out), "main", ""), "\n") != "" {
			t.Errorf("%s: packages %q, want programs alone", c.Name, out)
		}
	}
}
