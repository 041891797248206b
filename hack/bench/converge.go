package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/berth-dev/berth/hack/bench/internal/floor"
	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/process"
	"github.com/berth-dev/berth/hack/bench/internal/report"
)

const (
	// convergeClients is how many clients make the Apps.
	convergeClients = 4
	// floorApps is how many Apps the floor makes at most, in some seconds, and floorWarm how many before that, which don't count.
	floorApps = 300
	floorWarm = 50
	// sampleSlug is the App that the floor's objects are made after; it is like no other text in them.
	sampleSlug = "sample-for-the-floor"
	// convergeTimeout bounds waits for the operator.
	convergeTimeout = 10 * time.Minute
	// quiet is for how long an operator that has nothing to do must have done nothing.
	quiet = time.Second
)

// firstSlug is the App that is made before those that count.
const firstSlug = "first"

// singles are Apps that are made one by one, to see what each costs. The first of them is what the floor's objects are made after.
var singles = []struct {
	slug, what  string
	env, domain bool
}{
	{sampleSlug, "with an environment and a Domain", true, true},
	{"with-env", "with an environment", true, false},
	{"plain", "without either", false, false},
}

// sample has Berth make single Apps, and keeps what came of one for the floor.
func (s *stack) sample(ctx context.Context) error {
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	if err := s.startFacade(ctx); err != nil {
		return err
	}
	if err := s.makeFirst(ctx); err != nil {
		return err
	}
	for _, single := range singles {
		cost, err := s.makeSingle(ctx, body(single.slug, image, single.env, single.domain), single.slug)
		if err != nil {
			return err
		}
		cost.What = single.what
		s.size.Converge.Singles = append(s.size.Converge.Singles, cost)
		s.logf("  an App %s: %d requests of the facade, %d of the operator", cost.What, cost.Facade, cost.Operator)
	}
	var err error
	if s.templates, err = floor.Harvest(ctx, s.plane.Config, organization, sampleSlug); err != nil {
		return err
	}
	if err := s.stopOperator(); err != nil {
		return err
	}
	return s.stopFacade()
}

// makeFirst makes the very first App. It may come before the facade or the operator can read the Secrets of the new organization, which makes the one
// answer 503 and the other look more than once, so it doesn't count.
func (s *stack) makeFirst(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := s.makeSingle(ctx, body(firstSlug, image, false, false), firstSlug)
		if err != nil && strings.Contains(err.Error(), strconv.Itoa(http.StatusServiceUnavailable)) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("make the first App: %w", err)
	}
	return nil
}

// makeSingle makes an App by POST, waits until the operator is done with it, and returns what both asked the API server for.
func (s *stack) makeSingle(ctx context.Context, body []byte, slug string) (report.Single, error) {
	if _, err := s.awaitQuiet(ctx); err != nil {
		return report.Single{}, err
	}
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return report.Single{}, err
	}
	create := func(int) load.Request { return s.target(http.MethodPost, appsPath, body) }
	if err := load.HTTP(ctx, s.client, 1, load.Bounds{Calls: 1}, http.StatusCreated, create).Err(); err != nil {
		return report.Single{}, err
	}
	if err := s.awaitDeployment(ctx, slug); err != nil {
		return report.Single{}, err
	}
	if _, err := s.awaitQuiet(ctx); err != nil {
		return report.Single{}, err
	}
	counts, err := s.plane.Audit.Since(ctx)
	return report.Single{Facade: counts.Of(facadeUser, isCall), Operator: counts.Of(operatorUser, isCall)}, err
}

func (s *stack) awaitDeployment(ctx context.Context, slug string) error {
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := s.plane.Client.AppsV1().Deployments(organization).Get(ctx, slug, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// awaitDeployments waits until there are so many Deployments.
func (s *stack) awaitDeployments(ctx context.Context, want int) error {
	const path = "/apis/apps/v1/namespaces/" + organization + "/deployments"
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, convergeTimeout, true, func(ctx context.Context) (bool, error) {
		n, err := floor.Count(ctx, s.plane.Client.AppsV1().RESTClient(), path)
		return n >= want, err
	})
}

// awaitQuiet waits until the operator has nothing to do, and returns its metrics and since when that is.
func (s *stack) awaitQuiet(ctx context.Context) (q quietness, err error) {
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, convergeTimeout, true, func(ctx context.Context) (bool, error) {
		metrics, err := process.Scrape(ctx, s.operatorMetrics)
		if err != nil {
			return false, nil //nolint:nilerr // It may not have begun to serve them.
		}
		reconciles := metrics[metricReconciles]
		busy := metrics["workqueue_depth"] > 0 || metrics["controller_runtime_active_workers"] > 0 || reconciles == 0
		if busy || reconciles != q.reconciles {
			q = quietness{reconciles: reconciles, since: time.Now()}
		}
		return !busy && time.Since(q.since) >= quiet, nil
	})
	return q, err
}

// metricReconciles counts the reconciles of an operator.
const metricReconciles = "controller_runtime_reconcile_total"

// quietness says since when an operator does nothing, after how many reconciles.
type quietness struct {
	reconciles float64
	since      time.Time
}

// made is how many Apps are made by POST at once; with the first and the single ones, they are as many as are wanted.
func (s *stack) made() int { return s.apps - len(singles) - 1 }

// floorConverge makes Apps with all that belongs to them by a plain client, by creates and by applies, and removes them. Berth works at more
// than its clients ask for at a time, so the floor may too: the faster of two numbers of clients counts.
func (s *stack) floorConverge(ctx context.Context) error {
	client, err := floor.New(s.plane.Config, unknown, s.templates)
	if err != nil {
		return err
	}
	c := &s.size.Converge
	c.FloorWrites = s.templates.Writes()
	for _, clients := range []int{convergeClients, 4 * convergeClients} {
		for _, run := range []struct {
			applies bool
			fastest *load.Figure
		}{{false, &c.Floor}, {true, &c.FloorApply}} {
			client.Applies = run.applies
			figure, err := s.floorMake(ctx, client, clients)
			if err != nil {
				return err
			}
			s.logf("  %2d clients: %.1f Apps/s of %d writes each, by apply: %t", clients, figure.Rate, c.FloorWrites, run.applies)
			if figure.Rate > run.fastest.Rate {
				*run.fastest = figure
			}
		}
	}
	return nil
}

// floorMake makes Apps by a plain client, and removes them.
func (s *stack) floorMake(ctx context.Context, client *floor.Client, clients int) (figure load.Figure, err error) {
	complete := func(prefix string) func(ctx context.Context, n int) error {
		return func(ctx context.Context, n int) error { return client.Complete(ctx, fmt.Sprintf("%s%d", prefix, n)) }
	}
	for _, run := range []struct {
		prefix string
		apps   int
	}{{"w", floorWarm}, {"f", floorApps}} {
		figure = load.Func(ctx, clients, load.Bounds{Calls: min(s.apps, run.apps)}, complete(run.prefix))
		if err := figure.Err(); err != nil {
			return figure, err
		}
	}
	return figure, client.DeleteAll(ctx)
}

// converge makes all Apps by POST, with everything running, and waits until the operator is done with them.
func (s *stack) converge(ctx context.Context) error {
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	if err := s.startFacade(ctx); err != nil {
		return err
	}
	before, err := s.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return err
	}
	cpu, err := process.Children()
	if err != nil {
		return err
	}
	endProfiles := s.profileMaking(ctx)
	began := time.Now()
	create := func(n int) load.Request { return s.create(s.slug(n)) }
	c := &s.size.Converge
	c.Clients, c.Post = convergeClients, load.HTTP(ctx, s.client, convergeClients, load.Bounds{Calls: s.made()}, http.StatusCreated, create)
	if err := c.Post.Err(); err != nil {
		return err
	}
	if err := s.awaitDeployments(ctx, s.apps); err != nil {
		return err
	}
	c.Seconds = time.Since(began).Seconds()
	after, err := s.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	c.Settled = after.since.Sub(began).Seconds()
	if err := endProfiles(); err != nil {
		return err
	}
	c.Reconciles = (after.reconciles - before.reconciles) / float64(s.made())
	return s.countConverge(ctx, cpu)
}

// countConverge notes what it took to make the Apps.
func (s *stack) countConverge(ctx context.Context, before map[string]time.Duration) error {
	c, apps := &s.size.Converge, float64(s.made())
	c.Rate, c.SettledRate = apps/c.Seconds, apps/c.Settled
	var err error
	if c.CPU, err = cpuEach(before, s.made()); err != nil {
		return err
	}
	counts, err := s.plane.Audit.Since(ctx)
	if err != nil {
		return err
	}
	c.FacadeRequests = float64(counts.Of(facadeUser, isCall)) / apps
	c.OperatorRequests = float64(counts.Of(operatorUser, isCall)) / apps
	c.Kinds = map[string]float64{}
	for kind, n := range counts.Kinds(operatorUser) {
		c.Kinds[kind] = float64(n) / apps
	}
	s.logf("  %.1f s, %.1f Apps/s until the Deployments, %.1f s until all is done; POST %.0f/s, p99 %.1f ms",
		c.Seconds, c.Rate, c.Settled, c.Post.Rate, c.Post.P99)
	s.logf("  %.2f requests of the facade, %.2f of the operator, %.2f reconciles an App", c.FacadeRequests, c.OperatorRequests, c.Reconciles)
	usage, err := s.operator.Usage()
	s.size.Operator.ConvergedRSS, s.size.Operator.PeakRSS = usage.RSS, usage.Peak
	return err
}
