package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// unusedFor is how long a build of an older state is kept after it was last asked for.
const unusedFor = 30 * 24 * time.Hour

// lockInterval is how often a build that waits for another one looks whether that has ended.
const lockInterval = 100 * time.Millisecond

// Cache is a folder of built components.
type Cache struct {
	// Dir is the folder. It is made when something is built.
	Dir string
	// Source is the root of this project's sources.
	Source string
	// Progress is told of builds as they run; usually standard error.
	Progress io.Writer
}

// Open returns the cache of the current user, in $BERTH_CACHE or the user's cache folder, for the sources
// that FindSource finds.
func Open(progress io.Writer) (*Cache, error) {
	source, err := FindSource()
	if err != nil {
		return nil, err
	}
	dir := os.Getenv("BERTH_CACHE")
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return nil, fmt.Errorf("set BERTH_CACHE to a folder for built programs: %w", err)
		}
		dir = filepath.Join(dir, "berth")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	return &Cache{Dir: filepath.Join(dir, "cluster"), Source: source, Progress: progress}, nil
}

// Missing returns those of the components that are not in the cache.
func (c *Cache) Missing(ctx context.Context, all []component.Component) ([]component.Component, error) {
	var missing []component.Component
	for _, comp := range all {
		dir, err := c.place(ctx, comp)
		if err != nil {
			return nil, err
		}
		if !exists(dir) {
			missing = append(missing, comp)
		}
	}
	return missing, nil
}

// Warm names programs of another module of this repository. They are compiled before all components, so that whoever builds them with CompileFlags only
// has to link them.
type Warm struct {
	// Module is the folder of the module.
	Module   string
	Packages []string
}

// Ensure builds what is not in the cache and returns each component's folder by its name.
func (c *Cache) Ensure(ctx context.Context, all []component.Component, warm ...Warm) (map[string]string, error) {
	missing, err := c.Missing(ctx, all)
	if err != nil {
		return nil, err
	}
	if len(missing)+len(warm) > 0 {
		if err := c.buildAll(ctx, missing, warm); err != nil {
			return nil, err
		}
	}
	dirs := make(map[string]string, len(all))
	for _, comp := range all {
		dir, err := c.place(ctx, comp)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		// Only the owner of a shared cache can mark its folders as used.
		if err := os.Chtimes(dir, now, now); err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
		dirs[comp.Name] = dir
	}
	return dirs, nil
}

// place is where the component's folder is, or will be once it is built.
func (c *Cache) place(ctx context.Context, comp component.Component) (string, error) {
	tools, err := readToolchain(ctx, filepath.Join(c.Source, comp.Dir))
	if err != nil {
		return "", err
	}
	sum, err := hash(c.Source, comp, tools)
	if err != nil {
		return "", err
	}
	return filepath.Join(c.Dir, comp.Name+"-"+sum), nil
}

// build makes the component in a folder beside its place and renames it when it is whole. Another process
// that builds the same component meanwhile is waited for.
func (c *Cache) build(ctx context.Context, comp component.Component, j *job, p *progress, compiled func()) error {
	unlock, err := c.lock(ctx, comp.Name)
	if err != nil {
		return err
	}
	defer unlock()
	dir, err := c.place(ctx, comp)
	if err != nil || exists(dir) {
		return err
	}
	if err := c.removeUnfinished(comp.Name); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(c.Dir, unfinished(comp.Name))
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := c.make(ctx, comp, j, tmp, p, compiled); err != nil {
		return err
	}
	// MkdirTemp's folder is closed to other users, who may share this cache.
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return c.prune(comp.Name, dir)
}

// lock waits until no other process builds the component, or ctx ends. The kernel lets go of the lock when
// this process ends.
func (c *Cache) lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.Dir, "."+name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(err, f.Close())
		}
		if !told {
			fmt.Fprintf(c.Progress, "build %s: waiting for another build of it\n", name)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(lockInterval):
		}
	}
}

// unfinished begins the names of the folders in which the component is made.
func unfinished(name string) string { return "." + name + "-" }

// removeUnfinished removes what builds that were killed have left. The caller holds the component's lock, so
// nobody builds there now.
func (c *Cache) removeUnfinished(name string) error {
	left, err := filepath.Glob(filepath.Join(c.Dir, unfinished(name)+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// prune removes builds of older states of a component that nobody asked for in a long time.
func (c *Cache) prune(name, keep string) error {
	old, err := filepath.Glob(filepath.Join(c.Dir, name+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range old {
		info, err := os.Stat(dir)
		if err != nil || dir == keep || strings.Contains(strings.TrimPrefix(filepath.Base(dir), name+"-"), "-") {
			continue
		}
		if time.Since(info.ModTime()) > unusedFor {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
