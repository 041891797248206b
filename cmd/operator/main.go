// Command operator runs Berth's controllers: it makes the cluster hold what Apps and Domains ask for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/apiclient"
	"github.com/berth-dev/berth/internal/memlimit"
	"github.com/berth-dev/berth/internal/policycheck"
	_ "github.com/berth-dev/berth/internal/rootcas" // Those of Amazon's endpoints, in an image.
	"github.com/berth-dev/berth/internal/tracing"
	"github.com/berth-dev/berth/internal/version"
)

// garbagePercent is how much garbage may be there before it is collected, in percent of what is in use, unless GOGC says otherwise. Nearly all
// that the operator holds are its caches, which stay: with Go's 100 percent, it would take twice their size.
const garbagePercent = 30

// leaderElectionID is the name of the Lease by which replicas agree on which of them works.
const leaderElectionID = "berth-operator"

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

// run works until the context ends or something fails that a restart may mend.
func run(ctx context.Context, args []string) error {
	// controller-runtime has its flag --kubeconfig on the same set.
	o, err := parse(flag.CommandLine, args)
	if err != nil {
		return err
	}
	if o.version {
		fmt.Fprintln(os.Stdout, version.Line("operator"))
		return nil
	}
	if o.controllers.Registries, err = o.registries.options(); err != nil {
		return err
	}
	o.controllers.InternalRegistries, o.controllers.ECRRegions = o.registries.internal, o.registries.regions
	if err := limitMemory(); err != nil {
		return err
	}
	logger := logr.FromSlogHandler(o.logHandler())
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)

	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	apiclient.Tune(config)

	traces, err := tracing.Start(ctx, "berth-operator", slog.New(o.logHandler()))
	if err != nil {
		return err
	}
	config.Wrap(tracing.Calls)
	o.controllers.Tracer = traces.Tracer()

	mgr, err := ctrl.NewManager(config, o.manager())
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", full(mgr.GetCache())); err != nil {
		return err
	}
	if err := o.checkPolicies(mgr, config); err != nil {
		return err
	}
	if err := controllers.SetupWithManager(ctx, mgr, o.controllers); err != nil {
		return err
	}
	defer traces.Stop(ctx)
	return mgr.Start(ctx)
}

// limitMemory has the Go runtime keep less garbage.
func limitMemory() error {
	if _, ok := os.LookupEnv("GOGC"); !ok {
		debug.SetGCPercent(garbagePercent)
	}
	return memlimit.Set()
}

// manager says how the controllers are run.
func (o *options) manager() ctrl.Options {
	m := controllers.ManagerOptions()
	m.Metrics = server.Options{BindAddress: o.metricsAddress}
	m.HealthProbeBindAddress = o.healthAddress
	m.LeaderElection = o.leaderElect
	m.LeaderElectionID = leaderElectionID
	m.LeaderElectionNamespace = o.leaderElectionNamespace
	m.LeaderElectionReleaseOnCancel = true
	return m
}

// checkPolicies has the controllers grant no rights unless the admission policies are bound.
func (o *options) checkPolicies(mgr ctrl.Manager, config *rest.Config) error {
	policies, err := policycheck.New(config, slog.New(o.logHandler()), policycheck.Operator()...)
	if err != nil {
		return err
	}
	o.controllers.Guarded = policies.Err
	return addPolicyCheck(mgr, policies)
}

// addPolicyCheck has the manager check the admission policies, and report the result by its probes and metrics.
func addPolicyCheck(mgr ctrl.Manager, policies *policycheck.Checker) error {
	return errors.Join(
		mgr.Add(policies),
		mgr.AddReadyzCheck("policies", func(*http.Request) error { return policies.Err() }),
		metrics.Registry.Register(policies.Metric()),
	)
}

// full says whether caches have been filled, be it to work with or to take over. What they hold stays when the API server is away.
func full(caches cache.Cache) healthz.Checker {
	return func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), time.Second)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the caches are not full yet")
		}
		return nil
	}
}

// logHandler writes what is logged to standard error.
func (o *options) logHandler() slog.Handler {
	h := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == logText {
		return slog.NewTextHandler(os.Stderr, h)
	}
	return slog.NewJSONHandler(os.Stderr, h)
}
