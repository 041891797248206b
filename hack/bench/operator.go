package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/berth-dev/berth/hack/bench/internal/audit"
	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/process"
)

const (
	// idleFor is for how long an operator that has nothing to do is watched, and idleLong that with the most Apps, so that what it does
	// once in a while would be seen.
	idleFor  = 5 * time.Second
	idleLong = time.Minute
	// changedApps is how many Apps are changed at most to see what a change costs.
	changedApps = 100
	// restingCPU is more than an operator takes in the time of quiet that has nothing to do but to stay the leader, and less than a few changes do.
	restingCPU = 20 * time.Millisecond
)

// idle sees what an operator does that has nothing to do.
func (s *stack) idle(ctx context.Context) error {
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return err
	}
	duration := idleFor
	if s.isLargest(s.apps) {
		duration = idleLong
	}
	select {
	case <-time.After(duration):
	case <-ctx.Done():
		return ctx.Err()
	}
	counts, err := s.plane.Audit.Since(ctx)
	if err != nil {
		return err
	}
	o := &s.size.Operator
	o.IdleSeconds = duration.Seconds()
	o.IdleRequests = counts.Of(operatorUser, isCall)
	s.logf("  %d requests but leases and watches in %.0f s", o.IdleRequests, o.IdleSeconds)
	return nil
}

// change changes some Apps and sees what the operator needs for each.
func (s *stack) change(ctx context.Context) error {
	before, err := s.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	used, err := s.operator.Usage()
	if err != nil {
		return err
	}
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return err
	}
	n := min(s.made(), changedApps)
	for _, image := range []string{image + "-changed", image} {
		put := func(n int) load.Request { return s.targetOf(http.MethodPut, n, body(s.slug(n), image, true, true)) }
		if err := load.HTTP(ctx, s.client, 1, load.Bounds{Calls: n}, http.StatusOK, put).Err(); err != nil {
			return err
		}
	}
	now, reconciles, err := s.rested(ctx)
	if err != nil {
		return err
	}
	counts, err := s.plane.Audit.Since(ctx)
	if err != nil {
		return err
	}
	o, apps := &s.size.Operator, float64(2*n) // There and back.
	o.ChangeRequests = float64(counts.Of(operatorUser, isCall)) / apps
	o.ChangeReconciles = (reconciles - before.reconciles) / apps
	o.ChangeCPU = (now.CPU - used.CPU).Seconds() * 1000 / apps
	s.logf("  %.2f requests, %.2f reconciles and %.2f ms of CPU time a change", o.ChangeRequests, o.ChangeReconciles, o.ChangeCPU)
	return nil
}

// rested waits until the operator has nothing more to do, and returns what it has used until then and how many reconciles it has done. That it rests
// is seen from outside: its metrics tell of every App, and to ask for them twenty times takes a good part of what a hundred changes do.
func (s *stack) rested(ctx context.Context) (used process.Usage, reconciles float64, err error) {
	err = wait.PollUntilContextTimeout(ctx, quiet, convergeTimeout, false, func(context.Context) (bool, error) {
		before := used.CPU
		var err error
		used, err = s.operator.Usage()
		return used.CPU-before < restingCPU, err
	})
	if err != nil {
		return used, 0, fmt.Errorf("wait for the operator to rest: %w", err)
	}
	metrics, err := process.Scrape(ctx, s.operatorMetrics)
	return used, metrics[metricReconciles], err
}

// restart starts the operator anew, which then looks at every App and Domain, and ends it. The facade is started anew, too.
func (s *stack) restart(ctx context.Context) error {
	if err := s.stopOperator(); err != nil {
		return err
	}
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return err
	}
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	if err := s.awaitReconcile(ctx); err != nil {
		return err
	}
	o := &s.size.Operator
	o.FirstReconcile = time.Since(s.operator.Began).Seconds()
	first, err := s.operator.Usage()
	if err != nil {
		return err
	}
	q, err := s.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	if all := s.apps + s.made(); int(q.reconciles) < all { // Each of the Apps that were made at once has a Domain.
		return fmt.Errorf("%.0f reconciles of %d Apps and Domains", q.reconciles, all)
	}
	o.AllReconciled = q.since.Sub(s.operator.Began).Seconds()
	usage, err := s.operator.Usage()
	if err != nil {
		return err
	}
	counts, err := s.plane.Audit.Since(ctx)
	if err != nil {
		return err
	}
	// What fills the caches is lists; what reads or writes single objects is the reconciles'.
	o.ResyncRequests = counts.Of(operatorUser, func(r audit.Request) bool { return isCall(r) && r.Verb != "list" && r.Resource != "" })
	o.ResyncWrites = counts.Of(operatorUser, func(r audit.Request) bool { return !r.Steady() && r.Writes() })
	o.Reconciles = int(q.reconciles)
	o.ReconcileCPU = (usage.CPU - first.CPU).Seconds() * 1000 / q.reconciles
	o.RestartedRSS, o.PeakRSS = usage.RSS, max(usage.Peak, o.PeakRSS)
	s.logf("  first reconcile after %.2f s, all %d after %.2f s, %d writes, %d requests, %.3f ms of CPU time each; %d MB",
		o.FirstReconcile, o.Reconciles, o.AllReconciled, o.ResyncWrites, o.ResyncRequests, o.ReconcileCPU, o.RestartedRSS>>20)
	if err := s.memory(ctx, "operator, memory", profilesAt(s.operatorProfiles)); err != nil {
		return err
	}
	if err := s.stopOperator(); err != nil {
		return err
	}
	return s.restartFacade(ctx)
}

// awaitReconcile waits until the operator has reconciled something.
func (s *stack) awaitReconcile(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		metrics, err := process.Scrape(ctx, s.operatorMetrics)
		return err == nil && metrics[metricReconciles] > 0, nil
	})
}

func (s *stack) restartFacade(ctx context.Context) error {
	f := &s.size.Facade
	usage, err := s.facade.Usage()
	if err != nil {
		return err
	}
	f.PeakRSS = usage.Peak
	if err := s.stopFacade(); err != nil {
		return err
	}
	if err := s.startFacade(ctx); err != nil {
		return err
	}
	f.Ready = time.Since(s.facade.Began).Seconds()
	usage, err = s.facade.Usage()
	f.StartedRSS = usage.RSS
	s.logf("  facade ready after %.2f s with %d MB, %d MB at most before", f.Ready, f.StartedRSS>>20, f.PeakRSS>>20)
	return err
}
