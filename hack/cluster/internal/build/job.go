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
	"slices"
	"strings"

	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

// linking is the work that linking one program counts as.
const linking = 3 << 20

// job is the compilation of a component, or of programs of this repository that somebody else links.
type job struct {
	name string
	// module is the folder of the module, and modfile the go.mod that replaces its own, if it is not empty.
	module, modfile string
	builds          []component.Build
	// programs are the import paths of the packages that are built.
	programs []string
	// work is the bytes of Go code of each package that no earlier job compiles, but for what has been compiled.
	work map[string]int64
}

// listed prints of a package whether it is only a dependency, its path, its module's version, its folder and its files, with tabs between.
const listed = "{{.DepOnly}}\t{{.ImportPath}}\t{{with .Module}}{{.Version}}{{end}}\t{{.Dir}}{{range .GoFiles}}\t{{.}}{{end}}"

// plan finds out what a job has to compile that is not in seen, and adds it there. It downloads the modules that the job needs.
func (j *job) plan(ctx context.Context, p *progress, seen map[string]bool) error {
	j.work = map[string]int64{}
	var total int64
	for _, b := range j.builds {
		args := []string{"list", "-deps", "-modfile=" + j.modfile, "-tags=" + strings.Join(b.Tags, ","), "-f", listed}
		out, err := watched(command(ctx, j.module, b.Cgo, append(args, b.Packages...)...), func(line string) bool { return downloaded(line, p) })
		if err != nil {
			return fmt.Errorf("build %s: %w", j.name, err)
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if len(fields) < 4 {
				return fmt.Errorf("build %s: go list printed %q", j.name, line)
			}
			pkg := fields[1]
			if fields[0] == "false" {
				j.programs = append(j.programs, pkg)
			}
			key := fmt.Sprint(pkg, fields[2], b.Cgo)
			if seen[key] {
				continue
			}
			seen[key] = true
			size, err := sizeOf(fields[3], fields[4:])
			if err != nil {
				return err
			}
			j.work[pkg] += size
			total += size
		}
	}
	p.expect(total + j.links())
	return nil
}

// links is the work of linking the job's programs.
func (j *job) links() int64 { return int64(len(j.programs)) * linking }

// sizeOf adds up the sizes of a folder's files.
func sizeOf(dir string, files []string) (int64, error) {
	var total int64
	for _, f := range files {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// run compiles and links the job's programs into dir, or compiles them alone if that is empty. compiled is called once all is compiled: linking takes one
// processor.
func (j *job) run(ctx context.Context, dir string, p *progress, compiled func()) error {
	p.begin(j.name)
	defer func() {
		rest := j.links()
		for _, size := range j.work { // It lay in Go's build cache.
			rest += size
		}
		p.skip(rest)
	}()
	programs := slices.Clone(j.programs)
	read := func(line string) bool {
		if downloaded(line, p) {
			return true
		}
		if strings.ContainsAny(line, " \t:") {
			return false
		}
		p.compile(j.work[line])
		delete(j.work, line)
		programs = slices.DeleteFunc(programs, func(program string) bool { return program == line })
		if len(programs) == 0 {
			compiled()
		}
		return true
	}
	for _, b := range j.builds {
		args, err := buildArgs(ctx, j, b, dir)
		if err != nil {
			return err
		}
		if _, err := watched(command(ctx, j.module, b.Cgo, args...), read); err != nil {
			return err
		}
	}
	return nil
}

func downloaded(line string, p *progress) bool {
	if !strings.HasPrefix(line, "go: downloading ") {
		return false
	}
	p.downloaded()
	return true
}

// watched runs the Go command and returns its standard output. read gets each line of what it says beside that, and reports whether the line is
// no error.
func watched(cmd *exec.Cmd, read func(line string) bool) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout = &out
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	failure := watch(said, read)
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", cmd.Args[1], err, failure)
	}
	return out.Bytes(), nil
}

// watch returns the lines that read does not take.
func watch(r io.Reader, read func(line string) bool) (failure string) {
	var wrong strings.Builder
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := lines.Text(); !read(line) {
			wrong.WriteString(line + "\n")
		}
	}
	return wrong.String()
}
