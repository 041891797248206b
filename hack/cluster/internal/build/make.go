package build

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/image"
)

// make puts everything of the component into dir.
func (c *Cache) make(ctx context.Context, comp component.Component, dir, title string) error {
	module := filepath.Join(c.Source, comp.Dir)
	p := startProgress(c.Progress, title)
	defer p.stop()
	for _, b := range comp.Builds {
		if err := compile(ctx, module, b, dir, p); err != nil {
			return err
		}
	}
	for to, from := range comp.Copies {
		// A module that no program is built of may not be there yet.
		if _, err := goCommand(ctx, module, "mod", "download", from.Module); err != nil {
			return err
		}
		out, err := goCommand(ctx, module, "list", "-m", "-f", "{{.Dir}}", from.Module)
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

// compile runs the compiler and reports the packages that it names as it goes.
func compile(ctx context.Context, module string, b component.Build, dir string, p *progress) error {
	if err := os.MkdirAll(filepath.Join(dir, b.To), 0o755); err != nil {
		return err
	}
	args, err := buildArgs(ctx, module, b, dir)
	if err != nil {
		return err
	}
	list := append([]string{"list", "-deps", "-tags=" + strings.Join(b.Tags, ",")}, b.Packages...)
	deps, err := watched(command(ctx, module, b.Cgo, list...), p)
	if err != nil {
		return err
	}
	p.expect(bytes.Count(deps, []byte("\n")))
	_, err = watched(command(ctx, module, b.Cgo, args...), p)
	return err
}

// watched runs the Go command and returns its standard output; what it says beside that is its progress.
func watched(cmd *exec.Cmd, p *progress) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	failure := watch(said, p)
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", cmd.Args[1], err, failure)
	}
	return out.Bytes(), nil
}

// watch reads the compiler's output: a line that is a package's name alone counts as progress, and what is
// neither that nor a download is what went wrong.
func watch(r io.Reader, p *progress) (failure string) {
	var wrong strings.Builder
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			p.downloaded()
		case !strings.ContainsAny(line, " \t:"):
			p.compiled()
		default:
			wrong.WriteString(line + "\n")
		}
	}
	return wrong.String()
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
