package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

const baseDomain = "apps.example.com"

// operator is one that runs in this process.
type operator struct {
	stop func()
	// mgr is what it runs in.
	mgr manager.Manager
	// ended is closed when it has ended, by itself or not.
	ended <-chan struct{}
	// reconciles are what it has done.
	reconciles *reconciles
}

// operatorOptions are what tests change of an operator.
type operatorOptions struct {
	config      *rest.Config
	manager     manager.Options
	controllers controllers.Options
}

// through lets an operator's requests go through a round tripper.
func through(wrap func(http.RoundTripper) http.RoundTripper) func(*operatorOptions) {
	return func(o *operatorOptions) { o.config.Wrap(wrap) }
}

// ahead is a clock that is ahead of the real one.
type ahead time.Duration

func (a ahead) Now() time.Time { return time.Now().Add(time.Duration(a)) }

func (a ahead) Since(t time.Time) time.Duration { return a.Now().Sub(t) }

// later lets an operator work as if an hour had passed, so that it does now what it would put off.
func later(o *operatorOptions) { o.controllers.Clock = ahead(time.Hour) }

// startOperator starts an operator, which ends with the test at the latest.
func startOperator(t *testing.T, changes ...func(*operatorOptions)) *operator {
	t.Helper()
	o := operatorOptions{config: rest.CopyConfig(suite.operator), manager: controllers.ManagerOptions(), controllers: controllers.Options{
		BaseDomain: baseDomain, Issuer: controllers.Issuer{Name: "local-ca"}, IngressClass: "traefik", Namespace: testenv.Namespace,
		RouterNamespaces: []string{"traefik"}, RouterNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}, Concurrency: 4,
	}}
	op := &operator{reconciles: newReconciles()}
	o.controllers.Tracer = op.reconciles
	o.manager.Metrics = server.Options{BindAddress: "0"}
	o.manager.Controller.SkipNameValidation = new(true)
	for _, change := range changes {
		change(&o)
	}
	var err error
	if op.mgr, err = ctrl.NewManager(o.config, o.manager); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	if err := controllers.SetupWithManager(ctx, op.mgr, o.controllers); err != nil {
		cancel()
		t.Fatal(err)
	}
	op.ended = started(ctx, "an operator", op.mgr.Start)
	op.stop = sync.OnceFunc(func() { cancel(); <-op.ended })
	t.Cleanup(op.stop)
	return op
}

// started runs something until ctx ends. The channel is closed when it has ended.
func started(ctx context.Context, what string, run func(context.Context) error) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, what, "ended:", err)
		}
	}()
	return ended
}

// severalRegistry takes what one process of each replica would register once: here, several replicas live in a process.
type severalRegistry struct {
	metrics.RegistererGatherer
}

// Register registers a collector in place of another that says the same.
func (r severalRegistry) Register(c prometheus.Collector) error {
	err := r.RegistererGatherer.Register(c)
	if registered, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		r.Unregister(registered.ExistingCollector)
		return r.RegistererGatherer.Register(c)
	}
	return err
}

// eventually waits until the check finds nothing to complain about, and fails the test with its last complaint if that takes too long.
func eventually(t *testing.T, check func(ctx context.Context) error) {
	t.Helper()
	if err := soon(t, check); err != nil {
		t.Fatal(err)
	}
}

// soon does the same for who counts what is complained about.
func soon(t *testing.T, check func(ctx context.Context) error) error {
	t.Helper()
	return testenv.Await(t.Context(), patience, check)
}
