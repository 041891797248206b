package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/process"
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

// profiles are those that a process serves, by their path under /debug/pprof/ with its parameters.
type profiles func(ctx context.Context, path string) ([]byte, error)

// profilesAt are those of a process that serves them at an address.
func profilesAt(address string) profiles {
	return func(ctx context.Context, path string) ([]byte, error) {
		return process.Get(ctx, address, "/debug/pprof/"+path)
	}
}

// apiServerProfiles are those of the API server.
func (s *stack) apiServerProfiles() profiles {
	return func(ctx context.Context, path string) ([]byte, error) {
		return s.plane.Client.Discovery().RESTClient().Get().RequestURI("/debug/pprof/"+path).SetHeader("Accept", "*/*").DoRaw(ctx)
	}
}

// profile begins a CPU profile of a process, if profiles are wanted, and returns what waits for its end.
func (s *stack) profile(ctx context.Context, what string, of profiles) (end func() error) {
	if !s.profiled(s.apps) {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() { done <- s.takeProfile(ctx, what, of, fmt.Sprintf("profile?seconds=%d", profileSeconds)) }()
	return func() error { return <-done }
}

// profileMaking profiles who makes Apps from what clients write.
func (s *stack) profileMaking(ctx context.Context) (end func() error) {
	operator := s.profile(ctx, "operator, while Apps are made", profilesAt(s.operatorProfiles))
	server := s.profile(ctx, "kube-apiserver, while Apps are made", s.apiServerProfiles())
	return func() error { return errors.Join(operator(), server()) }
}

// memory takes a profile of what a process holds after a garbage collection, if profiles are wanted.
func (s *stack) memory(ctx context.Context, what string, of profiles) error {
	if !s.profiled(s.apps) {
		return nil
	}
	return s.takeProfile(ctx, what, of, "heap?gc=1")
}

// takeProfile keeps a profile, and the functions with the largest share of it.
func (s *stack) takeProfile(ctx context.Context, what string, of profiles, source string) error {
	profile, err := of(ctx, source)
	if err != nil {
		return fmt.Errorf("profile %s: %w", what, err)
	}
	path := filepath.Join(s.bench.dir, strings.NewReplacer(" ", "-", ",", "").Replace(what)+".pprof")
	if err := os.WriteFile(path, profile, 0o600); err != nil {
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
		end := s.profile(ctx, "facade, "+strings.ReplaceAll(c.name, ",", ""), profilesAt(s.facadeProfiles))
		bounds := load.Bounds{Duration: (profileSeconds + 1) * time.Second}
		if err := load.HTTP(ctx, s.client, profileClients, bounds, c.status, c.target).Err(); err != nil {
			return err
		}
		if err := end(); err != nil {
			return err
		}
	}
	return s.memory(ctx, "facade, memory", profilesAt(s.facadeProfiles))
}
