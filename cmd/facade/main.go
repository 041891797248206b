// Command facade serves Berth's REST API from a Kubernetes cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/facade"
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

// flags are what the command line says.
type flags struct {
	listenAddress, healthAddress string
	certFile, keyFile            string
	baseDomain, namespace        string
	defaultFromEmail             string
	drainDelay                   time.Duration
	logLevel                     slog.Level
}

func parse(args []string) (*flags, error) {
	f := &flags{}
	set := flag.NewFlagSet("facade", flag.ContinueOnError)
	config.RegisterFlags(set)
	set.StringVar(&f.listenAddress, "listen-address", ":8443", "where HTTPS is served")
	set.StringVar(&f.healthAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served, without TLS")
	set.StringVar(&f.certFile, "tls-cert-file", "", "the certificate chain to serve HTTPS with, PEM, leaf first; read again when it changes (required)")
	set.StringVar(&f.keyFile, "tls-key-file", "", "the private key of the certificate, PEM; read again when it changes (required)")
	set.StringVar(&f.baseDomain, "base-domain", "", "the domain that apps have their default hosts under (required)")
	set.StringVar(&f.namespace, "namespace", "berth-system", "Berth's own namespace, which holds the API keys")
	set.StringVar(&f.defaultFromEmail, "default-from-email", "", "the address that notifications come from where an app names none")
	set.DurationVar(&f.drainDelay, "drain-delay", 5*time.Second, "how long to go on serving after SIGTERM, for load balancers to notice that /readyz fails")
	set.TextVar(&f.logLevel, "log-level", slog.LevelInfo, "the least level that is logged: DEBUG, INFO, WARN or ERROR")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	for name, value := range map[string]string{"base-domain": f.baseDomain, "tls-cert-file": f.certFile, "tls-key-file": f.keyFile} {
		if value == "" {
			return nil, fmt.Errorf("--%s is required", name)
		}
	}
	return f, nil
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: f.logLevel})
	log.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler))
	cluster, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	// The API server has its own way to be fair between clients (priority and fairness); a limit here would only slow writes down.
	cluster.QPS = -1
	certificate, err := certwatcher.New(f.certFile, f.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	listen := &net.ListenConfig{}
	listener, err := listen.Listen(ctx, "tcp", f.listenAddress)
	if err != nil {
		return err
	}
	healthListener, err := listen.Listen(ctx, "tcp", f.healthAddress)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server, err := facade.New(ctx, facade.Options{
		Config:         cluster,
		Namespace:      f.namespace,
		BaseDomain:     f.baseDomain,
		Mail:           facade.Mail{From: f.defaultFromEmail},
		Listener:       listener,
		HealthListener: healthListener,
		Certificate:    certificate,
		DrainDelay:     f.drainDelay,
		Log:            slog.New(handler),
	})
	if err != nil {
		return errors.Join(err, listener.Close(), healthListener.Close())
	}
	return server.Run(ctx)
}
