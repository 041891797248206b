// Command facade serves Berth's REST API from a Kubernetes cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/internal/apiclient"
	"github.com/berth-dev/berth/internal/memlimit"
	_ "github.com/berth-dev/berth/internal/rootcas" // Those of mail servers and the identity provider, in an image.
	"github.com/berth-dev/berth/internal/tracing"
	"github.com/berth-dev/berth/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "facade:", err)
		os.Exit(1) //nolint:gocritic // The deferred stop only restores signals, which the exit does as well.
	}
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	if f.version {
		fmt.Fprintln(os.Stdout, version.Line("facade"))
		return nil
	}
	if err := memlimit.Set(); err != nil {
		return err
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	logger := f.logger()
	cluster, err := findCluster()
	if err != nil {
		return err
	}
	certificate, err := certwatcher.New(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	listening, err := f.listen(ctx)
	if err != nil {
		return err
	}
	traces, err := tracing.Start(ctx, "berth-facade", logger)
	if err != nil {
		return errors.Join(err, listening.close())
	}
	options.Listener, options.HealthListener, options.MetricsListener = listening.api, listening.health, listening.metrics
	options.Config, options.Certificate, options.Log, options.Tracer = cluster, certificate, logger, traces.Tracer()
	server, err := facade.New(ctx, options)
	if err != nil {
		return errors.Join(err, listening.close())
	}
	defer traces.Stop(ctx)
	return server.Run(ctx)
}

// findCluster says how to reach the cluster, by the usual environment, file or ServiceAccount.
func findCluster() (*rest.Config, error) {
	cluster, err := config.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	apiclient.Tune(cluster)
	return cluster, nil
}

// logger writes to standard error, also what the libraries have to say.
func (f *flags) logger() *slog.Logger {
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: f.logLevel})
	logger := slog.New(handler)
	log.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(logger)
	return logger
}
