package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/report"
)

const (
	// profileSeconds is how long a profile is taken.
	profileSeconds = 5
	// profileLines is how many functions are shown.
	profileLines = 15
	// profileClients is how many clients make calls meanwhile.
	profileClients = 4
)

// profile begins a CPU profile of a process that serves it at an address, if profiles are wanted, and returns what waits for its end.
func (s *stack) profile(ctx context.Context, what, address string) (end func() error) {
	if !s.profiled(s.apps) {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- s.takeProfile(ctx, what, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, profileSeconds))
	}()
	return func() error { return <-done }
}

// memory takes a profile of what a process holds after a garbage collection, if profiles are wanted.
func (s *stack) memory(ctx context.Context, what, address string) error {
	if !s.profiled(s.apps) {
		return nil
	}
	return s.takeProfile(ctx, what, fmt.Sprintf("http://%s/debug/pprof/heap?gc=1", address))
}

// takeProfile keeps a profile that is served at an address, and the functions with the largest share of it.
func (s *stack) takeProfile(ctx context.Context, what, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	path := filepath.Join(s.bench.dir, strings.NewReplacer(" ", "-", ",", "").Replace(what)+".pprof")
	file, err := os.Create(path) //nolint:gosec // The folder is ours.
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(file, response.Body); err != nil {
		return err
	}
	top, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", fmt.Sprintf("-nodecount=%d", profileLines), path).Output() //nolint:gosec // Ours.
	if err != nil {
		return fmt.Errorf("read the profile of %s: %w", what, err)
	}
	_, table, found := strings.Cut(string(top), "\nShowing nodes")
	if !found {
		return fmt.Errorf("read the profile of %s: %.200s", what, top)
	}
	s.results.Profiles[what] = "Showing nodes" + table
	return nil
}

// profileCalls profiles the facade while it is busy with one call at a time, and its memory after that.
func (s *stack) profileCalls(ctx context.Context) error {
	if !s.profiled(s.apps) {
		return nil
	}
	for _, c := range s.allCalls() {
		if c.name != report.CallList && c.name != report.CallGet && c.name != report.CallCreate {
			continue
		}
		s.rounds++
		end := s.profile(ctx, "facade, "+strings.ReplaceAll(c.name, ",", ""), s.facadeProfiles)
		bounds := load.Bounds{Duration: (profileSeconds + 1) * time.Second}
		if err := load.HTTP(ctx, s.client, profileClients, bounds, c.status, c.target).Err(); err != nil {
			return err
		}
		if err := end(); err != nil {
			return err
		}
	}
	return s.memory(ctx, "facade, memory", s.facadeProfiles)
}
