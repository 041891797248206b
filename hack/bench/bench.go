package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/berth-dev/berth/hack/bench/internal/floor"
	"github.com/berth-dev/berth/hack/bench/internal/report"
)

// bench is one run.
type bench struct {
	*options

	log   io.Writer
	began time.Time
	// templates are the objects of the sample App; nil until there was one.
	templates *floor.Templates
	results   report.Results
}

func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(b.log, "[%5.1fs] %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// measure takes all figures, with one control plane for each number of Apps.
func (b *bench) measure(ctx context.Context) (*report.Results, error) {
	b.logf("build operator and facade")
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	b.results.Profiles = map[string]string{}
	for _, apps := range b.sizes {
		size, err := b.measureSize(ctx, apps)
		if err != nil {
			return nil, fmt.Errorf("with %d Apps: %w", apps, err)
		}
		b.results.Sizes = append(b.results.Sizes, size)
	}
	b.results.Machine = machine()
	b.results.Seconds = time.Since(b.began).Seconds()
	return &b.results, nil
}

// measureSize takes the figures with a number of Apps.
func (b *bench) measureSize(ctx context.Context, apps int) (_ report.Size, err error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("apps-%d", apps))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return report.Size{}, err
	}
	b.logf("%d Apps: start a control plane", apps)
	s, err := b.start(ctx, dir, apps)
	if err != nil {
		return report.Size{}, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"make a sample App", s.sample},
		{"the floor of making Apps", s.floorConverge},
		{"make Apps by POST until their Deployments are there", s.converge},
		{"the operator idles", s.idle},
		{"change Apps", s.change},
		{"restart the operator, which looks at everything", s.restart},
		{"calls, without the operator", s.calls},
		{"profiles of calls", s.profileCalls},
		{"the floor of calls", s.floorCalls},
	} {
		b.logf("%d Apps: %s", apps, step.what)
		if err := step.do(ctx); err != nil {
			return report.Size{}, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s.size, nil
}

// profiled tells whether profiles are taken with this number of Apps.
func (b *bench) profiled(apps int) bool { return b.profiles && b.isLargest(apps) }

// isLargest tells whether there is no size with more Apps.
func (b *bench) isLargest(apps int) bool { return apps == slices.Max(b.sizes) }
