package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

func is(ok bool) func() bool { return func() bool { return ok } }

func TestCheck(t *testing.T) {
	needs := []Need{
		{Package: "gcc", What: "gcc", OK: is(true)},
		{Package: "nftables", What: "nft", OK: is(false)},
		{Package: "libc6-dev", What: "libc", OK: is(false)},
		{What: "root", OK: is(false)},
	}
	err := Check(needs)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"libc\n", "nft\n", "root\n", "apt-get install --no-install-recommends libc6-dev nftables"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	if diff := cmp.Diff([]string{"libc6-dev", "nftables"}, Packages(needs)); diff != "" {
		t.Errorf("packages: -want +got:\n%s", diff)
	}
	if err := Check(needs[:1]); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
}

// TestKnown makes sure that every package that a component names can be checked for.
func TestKnown(t *testing.T) {
	for _, n := range append(ToBuild(component.All()), ToRun(true, true)...) {
		if n.OK == nil || n.What == "" {
			t.Errorf("package %q is not known", n.Package)
		}
	}
}

func TestNamed(t *testing.T) {
	needs, err := Named("gcc", "chromium")
	if err != nil || len(needs) != 2 || needs[1].Package != "chromium" {
		t.Errorf("%+v, error %v; want the two", needs, err)
	}
	if _, err := Named("gcc", "emacs"); err == nil || !strings.Contains(err.Error(), "package emacs is not known here; known are chromium, gcc, git") {
		t.Errorf("error %v, want one that names what is not known and what is", err)
	}
}

// Install runs a stand-in for apt-get, which would change this machine.
func TestInstall(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root alone installs packages")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$DEBIAN_FRONTEND $@\" >>" + filepath.Join(dir, "calls") + "\n[ \"$1\" != install ] || [ ! -e " + filepath.Join(dir, "broken") + " ]\n"
	if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	missing := []Need{{Package: "nftables", What: "nft", OK: is(false)}, {Package: "gcc", What: "gcc", OK: is(true)}, {What: "root", OK: is(false)}}
	var out strings.Builder
	if err := Install(t.Context(), missing[1:], &out); err != nil || out.Len() > 0 {
		t.Errorf("nothing that a package brings is missing: error %v, output %q", err, &out)
	}
	if err := Install(t.Context(), missing, &out); err != nil || !strings.Contains(out.String(), "install the Debian packages nftables") {
		t.Errorf("error %v, output %q, which does not say what is installed", err, &out)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("noninteractive update -q\nnoninteractive install -qy --no-install-recommends nftables\n", string(calls)); diff != "" {
		t.Errorf("calls of apt-get: -want +got:\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Install(t.Context(), missing, &out); err == nil || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("error %v, want that of apt-get", err)
	}
}
