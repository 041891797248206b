package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// commands are the packages that are built; each makes one command.
var commands = []string{"./cmd/operator", "./cmd/facade", "./cmd/berthctl", "./hack/sample"}

// compileFlags are those of hack/cluster, whose programs have most packages in common with Berth: Go's build cache has them for both.
var compileFlags = []string{"-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false"}

// image is one image to push: a command and the arguments that it is started with.
type image struct {
	name, command string
	args          []string
}

// samples are the images that an App can be made of; each shows a version of its own.
var samples = []image{
	{name: "sample:v1", command: "sample", args: []string{"-version=v1"}},
	{name: "sample:v2", command: "sample", args: []string{"-version=v2"}},
}

// build compiles the commands, static, so that they also run in an empty image.
func (s *Stack) build(ctx context.Context) error {
	s.logf("build Berth")
	args := append([]string{"build", "-o", filepath.Join(s.opts.Dir, "bin") + "/"}, compileFlags...)
	args = append(args, commands...)
	if s.opts.Amazon {
		args = append(args, "./hack/localaws")
	}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // The arguments are ours.
	cmd.Dir, cmd.Env = s.opts.Root, append(os.Environ(), "CGO_ENABLED=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // It removes its temporary files then.
	cmd.WaitDelay = 5 * time.Second
	if err := runCommand(cmd); err != nil {
		return err
	}
	s.logf("Berth is built")
	return nil
}

// push makes images of the commands. Those of Berth are tagged by their content, so that a changed one replaces the running one.
//
// hack/release does not make them: the samples and the programs of tests are no part of a release, and without a node the same files run as
// processes. What matters is alike: one static program that needs no other file, run as the same user.
func (s *Stack) push(ctx context.Context) error {
	images := samples
	s.tags = map[string]string{}
	berth := []string{"operator", "facade"}
	if s.opts.Amazon {
		berth = append(berth, "localaws")
	}
	for _, name := range berth {
		tag, err := s.contentTag(name)
		if err != nil {
			return err
		}
		s.tags[name] = tag
		images = append(images, image{name: "berth/" + name + ":" + tag, command: name})
	}
	pushes, ctx := errgroup.WithContext(ctx)
	pushes.SetLimit(runtime.NumCPU())
	for _, i := range images {
		pushes.Go(func() error { return s.Push(ctx, i.name, s.Bin(i.command), i.args...) })
	}
	return pushes.Wait()
}

// Push makes an image of one static binary and pushes it to the stack's registry, or loads it into the nodes of a cluster that needs none. The name
// is a repository and a tag.
func (s *Stack) Push(ctx context.Context, name, binary string, args ...string) error {
	registry := s.Env.Registry
	if e := s.opts.Existing; e != nil {
		if e.Loader != nil {
			return s.load(ctx, e.Loader, name, binary, args)
		}
		registry = e.Registry.Push
	}
	all := append([]string{"push", "--registry", registry, name, binary}, args...)
	return runCommand(exec.CommandContext(ctx, s.opts.Cluster, all...)) //nolint:gosec // The arguments are ours.
}

func (s *Stack) contentTag(name string) (string, error) {
	b, err := os.ReadFile(s.Bin(name))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6]), nil
}

// runCommand runs a command to its end; what it printed is in the error.
func runCommand(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(out.String()))
	}
	return nil
}
