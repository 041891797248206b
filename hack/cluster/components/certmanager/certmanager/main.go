// Command certmanager is cert-manager's controller and CA injector, built from its library packages: the
// modules of its own commands are not published.
//
// Its webhook is left out. What it adds is validation of cert-manager's own kinds, and it lies in a
// package that cannot be imported.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "certmanager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: certmanager controller|cainjector [flags]")
	}
	logf.InitLogs()
	ctrl.SetLogger(klog.Background())
	ctx = logf.NewContext(ctx, logf.Log, args[0])
	switch args[0] {
	case "controller":
		return runController(ctx, args[1:])
	case "cainjector":
		return runCAInjector(ctx, args[1:])
	}
	return fmt.Errorf("there is no program named %q", args[0])
}
