// Package test runs whole clusters, as a person would: with the command, and what it writes for others.
//
// A node takes root. Run by root, nothing here is skipped; what is not built yet is built first, which
// takes minutes.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs that the tests run, built by TestMain.
var command, app string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "cluster-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	command, app = filepath.Join(dir, "cluster"), filepath.Join(dir, "app")
	for file, pkg := range map[string]string{command: "../cmd/cluster", app: "./testdata/app"} {
		build := exec.Command("go", "build", "-o", file, pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	// Built here, the time that it takes counts for no test.
	build := exec.Command(command, "build")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build the components: %w", err)
	}
	return m.Run(), nil
}

// needRoot skips a test that runs a node for anybody but root, who alone can.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a node takes root")
	}
}
