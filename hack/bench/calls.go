package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/berth-dev/berth/hack/bench/internal/audit"
	"github.com/berth-dev/berth/hack/bench/internal/floor"
	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/process"
	"github.com/berth-dev/berth/hack/bench/internal/report"
)

const (
	appsPath = "/api/containers/" + organization + "/apps/"
	image    = "registry.example.com/sample:v1"
	// pageSize is how many Apps a page of a list has.
	pageSize = 25
	// firstPage and lastPage are the queries of pages.
	firstPage, lastPage = "", "?page=last"

	facadeUser   = "system:serviceaccount:berth-system:berth-facade"
	operatorUser = "system:serviceaccount:berth-system:berth-operator"
)

// call is one of the calls that are measured.
type call struct {
	name   string
	status int
	target func(n int) load.Request
	// floor is the same at the API server; nil if there is nothing like it.
	floor func(ctx context.Context, c *floor.Client, n int) error
}

// slug is the name of an App that is there.
func (s *stack) slug(n int) string { return fmt.Sprintf("a%06d", n%s.made()) }

// body is what a client sends to make an App, with an environment and a Domain or not, or to set all of it.
func body(slug, image string, env, domain bool) []byte {
	b := map[string]any{"slug": slug, "location": image}
	if env {
		b["env"] = []map[string]string{{"name": "GREETING", "value": "Good morning, " + slug}, {"name": "MODE", "value": "production"}}
	}
	if domain {
		b["domain"] = "www." + slug + ".example.test"
	}
	encoded, err := json.Marshal(b)
	if err != nil {
		panic(err) // Strings alone.
	}
	return encoded
}

func (s *stack) target(method, path string, body []byte) load.Request {
	header := map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(s.token+":"))}
	if body != nil {
		header["Content-Type"] = "application/json"
	}
	return load.Request{Method: method, URL: s.url + path, Body: body, Header: header}
}

// targetOf is a call about one App.
func (s *stack) targetOf(method string, n int, body []byte) load.Request {
	return s.target(method, appsPath+s.slug(n)+"/", body)
}

// create is the call that makes the App with a slug, an environment and a Domain.
func (s *stack) create(slug string) load.Request {
	return s.target(http.MethodPost, appsPath, body(slug, image, true, true))
}

// newImage is one that no App has had before this round.
func (s *stack) newImage(n int) string { return fmt.Sprintf("%s.%d.%d", image, s.rounds, n) }

func (s *stack) allCalls() []call {
	list := func(ctx context.Context, c *floor.Client, _ int) error { return c.List(ctx, pageSize) }
	get := func(ctx context.Context, c *floor.Client, n int) error { return c.Get(ctx, s.slug(n)) }
	patch := func(ctx context.Context, c *floor.Client, n int) error {
		return c.SetImage(ctx, s.slug(n), s.newImage(n))
	}
	create := func(ctx context.Context, c *floor.Client, n int) error {
		return c.Create(ctx, fmt.Sprintf("f%d-%d", s.rounds, n))
	}
	page := func(query string) func(int) load.Request {
		return func(int) load.Request { return s.target(http.MethodGet, appsPath+query, nil) }
	}
	put := func(image func(n int) string) func(int) load.Request {
		return func(n int) load.Request { return s.targetOf(http.MethodPut, n, body(s.slug(n), image(n), true, true)) }
	}
	same := func(int) string { return image }
	return []call{
		{report.CallList, http.StatusOK, page(firstPage), list},
		{report.CallListLast, http.StatusOK, page(lastPage), list},
		{report.CallGet, http.StatusOK, func(n int) load.Request { return s.targetOf(http.MethodGet, n, nil) }, get},
		{report.CallUnchanged, http.StatusOK, put(same), get},
		{report.CallRestart, http.StatusCreated, func(n int) load.Request { return s.targetOf(http.MethodPost, n, nil) }, patch},
		{report.CallChanged, http.StatusOK, put(s.newImage), patch},
		{report.CallCreate, http.StatusCreated, func(n int) load.Request { return s.create(fmt.Sprintf("c%d-%d", s.rounds, n)) }, create},
	}
}

func isReview(r audit.Request) bool { return r.Resource == "subjectaccessreviews" }

// isCall tells whether a request is made for a call or a reconcile: not to go on watching or leading, and not once in seconds for many.
func isCall(r audit.Request) bool { return !isReview(r) && !r.Steady() }

// warm is how many calls are made before those that count: connections are made, and what is remembered for a while is there.
const warm = 20

// calls makes every call with every number of clients, and notes what the facade asked the API server for meanwhile.
func (s *stack) calls(ctx context.Context) error {
	for _, query := range []string{firstPage, lastPage} { // Its figures would be those of something else.
		if apps, err := s.page(query); err != nil || apps != pageSize {
			return errors.Join(err, fmt.Errorf("a page %q has %d Apps, want %d", query, apps, pageSize))
		}
	}
	for _, c := range s.allCalls() {
		for _, clients := range s.clients {
			s.rounds++
			figure, err := s.measureCall(ctx, c, clients)
			if err != nil {
				return fmt.Errorf("%s with %d clients: %w", c.name, clients, err)
			}
			s.size.Calls = append(s.size.Calls, figure)
			s.logf("  %-16s %2d clients %8.0f/s  p99 %7.2f ms  %.3f requests", c.name, clients, figure.Rate, figure.P99, figure.Requests)
		}
	}
	usage, err := s.facade.Usage()
	s.size.Facade.LoadedRSS, s.size.Facade.PeakRSS = usage.RSS, max(usage.Peak, s.size.Facade.PeakRSS)
	return err
}

func (s *stack) measureCall(ctx context.Context, c call, clients int) (report.Call, error) {
	if c.name != report.CallCreate { // Those would make Apps that are made again.
		warmed := load.HTTP(ctx, s.client, clients, load.Bounds{Calls: warm}, c.status, c.target)
		if err := warmed.Err(); err != nil {
			return report.Call{}, err
		}
		s.rounds++ // Or the first calls would set what is set already.
	}
	if _, err := s.plane.Audit.Since(ctx); err != nil {
		return report.Call{}, err
	}
	cpu, err := process.Children()
	if err != nil {
		return report.Call{}, err
	}
	f := load.HTTP(ctx, s.client, clients, load.Bounds{Duration: s.duration}, c.status, c.target)
	if err := f.Err(); err != nil {
		return report.Call{}, err
	}
	used, err := cpuEach(cpu, f.Calls)
	if err != nil {
		return report.Call{}, err
	}
	counts, err := s.plane.Audit.Since(ctx)
	if err != nil {
		return report.Call{}, err
	}
	calls := float64(f.Calls)
	return report.Call{
		Name: c.name, Clients: clients, Figure: f,
		Requests: float64(counts.Of(facadeUser, isCall)) / calls, Writes: float64(counts.Of(facadeUser, audit.Request.Writes)) / calls,
		Reviews: counts.Of(facadeUser, isReview), CPU: used,
	}, nil
}

// cpuEach is the CPU time in milliseconds that each process has had since then, for each of a number of things.
func cpuEach(then map[string]time.Duration, number int) (map[string]float64, error) {
	now, err := process.Children()
	if err != nil {
		return nil, err
	}
	each := map[string]float64{}
	for name, cpu := range now {
		each[name] = (cpu - then[name]).Seconds() * 1000 / float64(number)
	}
	return each, nil
}

// floorCalls has a plain client do at the API server what the calls do there, with nothing of Berth running.
func (s *stack) floorCalls(ctx context.Context) error {
	if err := s.stopFacade(); err != nil {
		return err
	}
	client, err := floor.New(s.plane.Config, organization, s.templates)
	if err != nil {
		return err
	}
	for _, c := range s.allCalls() {
		if c.floor == nil {
			continue
		}
		for _, clients := range s.clients {
			for _, applies := range []bool{false, true} {
				if applies && c.name != report.CallCreate {
					continue
				}
				s.rounds++
				client.Applies = applies
				f := load.Func(ctx, clients, load.Bounds{Duration: s.duration}, func(ctx context.Context, n int) error { return c.floor(ctx, client, n) })
				if err := f.Err(); err != nil {
					return fmt.Errorf("%s with %d clients: %w", c.name, clients, err)
				}
				s.size.SetFloor(c.name, clients, applies, f)
				s.logf("  %-16s %2d clients %8.0f/s  p99 %7.2f ms", c.name, clients, f.Rate, f.P99)
			}
		}
	}
	return nil
}
