// Package build compiles Berth's commands the way they are released: static, and the same bytes wherever that is done.
package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
)

// Module is the path of Berth's module.
const Module = "github.com/berth-dev/berth"

// LinkerFlags are the linker's: neither symbols nor debugging information, and the version that --version prints.
func LinkerFlags(version string) string {
	return "-s -w -X " + Module + "/internal/version.stamp=" + version
}

// CompilerFlags are the compiler's. What a debugger reads is never linked, and without it the packages are those of a development build: Go's build cache
// has them for both.
const CompilerFlags = "all=-dwarf=false"

// Commands compiles commands, such as operator, of the tree in root for a platform. They become files of their names in the folder dir, with
// the ending that the platform wants. What the compiler says is in the error.
func Commands(ctx context.Context, root, dir string, platform v1.Platform, version string, commands ...string) error {
	args := []string{"build", "-trimpath", "-gcflags=" + CompilerFlags, "-ldflags=" + LinkerFlags(version), "-o", dir + string(filepath.Separator)}
	for _, c := range commands {
		args = append(args, "./cmd/"+c)
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // The arguments are ours.
	cmd.Dir = root
	// What else of the environment would change the programs is set to Go's own defaults.
	cmd.Env = append(os.Environ(), "GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0",
		"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off", "GOFIPS140=off", "GOEXPERIMENT=")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // It removes its temporary files then.
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s for %s: %w: %s", strings.Join(commands, ", "), platform, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// File is the name that a command has on a platform.
func File(command string, platform v1.Platform) string {
	if platform.OS == "windows" {
		return command + ".exe"
	}
	return command
}
