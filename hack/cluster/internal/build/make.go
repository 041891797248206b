package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/image"
)

// make puts everything of the component into dir. compiled is called once nothing has to be compiled any more.
func (c *Cache) make(ctx context.Context, comp component.Component, j *job, dir string, p *progress, compiled func()) error {
	for _, b := range comp.Builds {
		if err := os.MkdirAll(filepath.Join(dir, b.To), 0o755); err != nil {
			return err
		}
	}
	if err := j.run(ctx, dir, p, compiled); err != nil {
		return err
	}
	for to, from := range comp.Copies {
		// A module that no program is built of may not be there yet.
		if _, err := goCommand(ctx, j.module, "mod", "download", from.Module); err != nil {
			return err
		}
		out, err := goCommand(ctx, j.module, "list", "-m", "-f", "{{.Dir}}", from.Module)
		if err != nil {
			return err
		}
		if err := copyFiles(filepath.Join(strings.TrimSpace(string(out)), from.Dir), filepath.Join(dir, to)); err != nil {
			return err
		}
	}
	for link, program := range comp.Links {
		if err := os.Symlink(program, filepath.Join(dir, link)); err != nil {
			return err
		}
	}
	for file, img := range comp.Images {
		spec := image.Spec{Binary: filepath.Join(dir, img.Program)}
		if err := image.WriteTar(filepath.Join(dir, file), img.Ref, spec); err != nil {
			return err
		}
	}
	return nil
}

// copyFiles copies the files of one folder. Modules' files are read-only; the copies are not.
func copyFiles(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
