package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// toolchain is what a build's result depends on beside the sources.
type toolchain struct {
	GOVERSION, GOOS, GOARCH, GOAMD64, GOARM64 string
}

// readToolchain asks the Go command of dir's module, which may name a toolchain of its own.
func readToolchain(ctx context.Context, dir string) (toolchain, error) {
	var t toolchain
	out, err := goCommand(ctx, dir, "env", "-json", "GOVERSION", "GOOS", "GOARCH", "GOAMD64", "GOARM64")
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(out, &t)
}

// interruptGrace is how long the Go command gets to remove its temporary files once it is interrupted.
const interruptGrace = 5 * time.Second

// command is the Go command in dir. The end of ctx interrupts it.
func command(ctx context.Context, dir string, cgo bool, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, environment(cgo)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
	return cmd
}

// goCommand runs the Go command in dir and returns what it prints.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := command(ctx, dir, false, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, stderr.String())
	}
	return out, nil
}

// environment is the caller's, without what would change a build that the hash does not tell.
func environment(cgo bool) []string {
	enabled := "0"
	if cgo {
		enabled = "1"
	}
	return append(os.Environ(), "CGO_ENABLED="+enabled, "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=")
}

// CompileFlags are what all that the repository builds for development is compiled with, so that Go's build cache has a package once for all. Nobody debugs
// these programs, and to write down for debuggers what they are takes an eighth of the time.
var CompileFlags = []string{"-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"}

// buildArgs is the command line of the compiler for a build of a job, whose files go to dir, if that is not empty.
func buildArgs(ctx context.Context, j *job, b component.Build, dir string) ([]string, error) {
	ldflags := []string{"-s", "-w"}
	if b.Cgo {
		ldflags = append(ldflags, "-extldflags", "-static")
	}
	for _, s := range b.Stamps {
		version, err := goCommand(ctx, j.module, "list", "-m", "-f", "{{.Version}}", s.Module)
		if err != nil {
			return nil, err
		}
		value := strings.TrimSpace(string(version))
		if s.Part != nil {
			value = s.Part(value)
		}
		ldflags = append(ldflags, "-X", s.Variable+"="+value)
	}
	args := append([]string{"build", "-v"}, CompileFlags...)
	args = append(args, "-modfile="+j.modfile, "-tags="+strings.Join(b.Tags, ","), "-ldflags", strings.Join(ldflags, " "))
	if dir != "" {
		args = append(args, "-o", filepath.Join(dir, b.To)+string(filepath.Separator))
	}
	return append(args, b.Packages...), nil
}
