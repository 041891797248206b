package policycheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// interval is the time between two checks while all policies are bound.
	interval = time.Minute
	// retryInterval is the time between two checks otherwise, so that a new installation is soon ready.
	retryInterval = 5 * time.Second
	// timeout bounds one check.
	timeout = 30 * time.Second
)

// errUnchecked is the state of a Checker before its first check.
var errUnchecked = errors.New("the admission policies have not been checked yet")

// Checker checks the policies from time to time and remembers the result.
type Checker struct {
	api    kubernetes.Interface
	log    *slog.Logger
	probes []Probe
	state  atomic.Pointer[state]
}

// state is the result of a check.
type state struct {
	// err is nil if all policies are bound and enforced.
	err error
	// known reports whether the API server has answered a check.
	known bool
}

// New returns a Checker that asks the API server with a program's own rights and proves by its probes that policies are enforced.
func New(config *rest.Config, log *slog.Logger, probes ...Probe) (*Checker, error) {
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create the client of the policy check: %w", err)
	}
	c := &Checker{api: api, log: log, probes: probes}
	c.state.Store(&state{err: errUnchecked})
	return c, nil
}

// Start checks the policies until ctx ends.
func (c *Checker) Start(ctx context.Context) error {
	for {
		c.check(ctx)
		wait := interval
		if c.Err() != nil {
			wait = retryInterval
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// NeedLeaderElection returns false: every replica reports its own readiness.
func (*Checker) NeedLeaderElection() bool { return false }

// Err returns nil if all policies were bound and enforced at the last check that the API server answered, and otherwise what is wrong and what to do.
func (c *Checker) Err() error { return c.state.Load().err }

// Metric returns the gauge berth_policies_bound.
func (c *Checker) Metric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "berth_policies_bound", Help: "Whether all admission policies of config/admission are bound and enforced: 1, or 0 if one is not.",
	}, func() float64 {
		if c.Err() != nil {
			return 0
		}
		return 1
	})
}

// check checks the policies once. An API server that does not answer says nothing about policies: what was known of them stays.
func (c *Checker) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	unbound, unknown := c.ask(ctx)
	was := c.state.Load()
	switch {
	case unbound != nil || unknown == nil:
		c.state.Store(&state{err: unbound, known: true})
	case !was.known:
		c.state.Store(&state{err: fmt.Errorf("cannot check the admission policies: %w", unknown)})
	}
	c.report(was.err, c.Err())
}

// ask returns what is wrong with the policies, and why this cannot be told of some.
func (c *Checker) ask(ctx context.Context) (unbound, unknown error) {
	var problems []string
	var errs []error
	note := func(err error) (bound bool) {
		if _, ok := errors.AsType[*UnboundError](err); ok {
			problems = append(problems, strings.ReplaceAll(err.Error(), "\n", "; "))
		} else if err != nil {
			errs = append(errs, err)
		}
		return err == nil
	}
	bound := map[string]bool{}
	for _, name := range Policies() {
		bound[name] = note(read(ctx, c.api.AdmissionregistrationV1(), name))
	}
	for _, p := range c.probes {
		if bound[p.policy] {
			note(p.try(ctx, c.api))
		}
	}
	if len(problems) > 0 {
		unbound = fmt.Errorf("%s. Apply config/admission, or upgrade the Helm release", strings.Join(problems, "; "))
	}
	return unbound, errors.Join(errs...)
}

// report logs a result that differs from the one before.
func (c *Checker) report(was, is error) {
	switch {
	case is == nil && was != nil:
		c.log.Info("admission policies are bound and enforced")
	case is != nil && (was == nil || was.Error() != is.Error()):
		c.log.Error("admission policies are not bound and enforced", "error", is)
	}
}
