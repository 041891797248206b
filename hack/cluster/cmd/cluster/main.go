// Command cluster runs a Kubernetes of one node on this machine, for development and tests, out of
// programs that it builds itself. Its README says how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/berth-dev/berth/hack/cluster/internal/cluster"
	"github.com/berth-dev/berth/hack/cluster/internal/sandbox"
)

// command is one subcommand: what follows its name goes to run.
type command struct {
	name, usage, does string
	run               func(ctx context.Context, args []string, stdout io.Writer) error
}

func commands() []command {
	return []command{
		{"doctor", "[--flux] [--install] [PACKAGE...]", "checks what this machine lacks for this user", doctorCommand},
		{"build", "[--flux] [--warm FOLDER:PACKAGE,...] [component...]", "builds what the cache lacks", buildCommand},
		{"start", "--dir DIR [flags]", "runs a cluster in the foreground", startCommand},
		{"stop", "--dir DIR", "ends the cluster of a folder and removes its data", stopCommand},
		{"push", "--registry HOST:PORT NAME:TAG BINARY [ARG...]", "pushes an image of one static program", pushCommand},
		{"archive", "--file FILE HOST/NAME:TAG BINARY [ARG...]", "writes that image into an archive for containerd", archiveCommand},
		{"assets", "", "prints a folder for KUBEBUILDER_ASSETS", assetsCommand},
		{"kubectl", "ARG...", "runs the cluster's kubectl", kubectlCommand},
		// What start runs of itself.
		{sandbox.InitCommand, "", "", initCommand},
		{cluster.NodeCommand, "", "", nodeCommand},
		{cluster.WatchCommand, "", "", watchCommand},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		os.Exit(int(code))
	}
	fmt.Fprintln(os.Stderr, "cluster:", err)
	os.Exit(1)
}

// exitCode is the end of another program, which has said itself what went wrong, as this one's own.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name == args[0] {
				return c.run(ctx, args[1:], os.Stdout)
			}
		}
	}
	return errors.New(usage())
}

func usage() string {
	var b strings.Builder
	b.WriteString("usage:\n")
	for _, c := range commands() {
		if c.does != "" {
			fmt.Fprintf(&b, "  cluster %-34s %s\n", c.name+" "+c.usage, c.does)
		}
	}
	return b.String()
}
