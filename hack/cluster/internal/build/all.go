package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// buildAll builds components and compiles other programs. One job compiles at a time, since they have most of their packages in common and would compile
// them twice. The next one begins while the programs of the one before it are linked.
func (c *Cache) buildAll(ctx context.Context, comps []component.Component, warm []Warm) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	stubs, err := os.MkdirTemp("", "berth-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stubs)
	p := startProgress(c.Progress)
	defer p.stop()
	tasks, err := c.tasks(ctx, comps, warm, stubs, p)
	if err != nil {
		return err
	}
	compiler := semaphore.NewWeighted(1)
	group, running := errgroup.WithContext(ctx)
	for _, do := range tasks {
		if err := compiler.Acquire(running, 1); err != nil {
			break // What ended it is an error of the group or of ctx.
		}
		release := sync.OnceFunc(func() { compiler.Release(1) })
		group.Go(func() error {
			defer release()
			return do(running, release)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// task does a job and calls compiled once it only links.
type task func(ctx context.Context, compiled func()) error

// tasks plans what there is to do, so that it is known how much that is.
func (c *Cache) tasks(ctx context.Context, comps []component.Component, warm []Warm, stubs string, p *progress) ([]task, error) {
	seen := map[string]bool{}
	var all []task
	p.begin("Berth: find out what is missing")
	for _, w := range warm {
		j := &job{name: "Berth", module: w.Module, builds: []component.Build{{Packages: w.Packages}}}
		if err := j.plan(ctx, p, seen); err != nil {
			return nil, err
		}
		all = append(all, func(ctx context.Context, compiled func()) error { return j.run(ctx, "", p, compiled) })
	}
	for i, comp := range comps {
		p.begin(comp.Name + ": find out what is missing")
		j := &job{name: comp.Name, module: filepath.Join(c.Source, comp.Dir), builds: comp.Builds}
		dir := filepath.Join(stubs, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
		var err error
		if j.modfile, err = stub(ctx, j.module, dir, comp.Stubs); err != nil {
			return nil, fmt.Errorf("build %s: %w", comp.Name, err)
		}
		if err := j.plan(ctx, p, seen); err != nil {
			return nil, err
		}
		all = append(all, func(ctx context.Context, compiled func()) error {
			if err := c.build(ctx, comp, j, p, compiled); err != nil {
				return fmt.Errorf("build %s: %w", comp.Name, err)
			}
			return nil
		})
	}
	return all, nil
}
