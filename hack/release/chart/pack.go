// Package chart packs the Helm chart of a checkout, so that the same content gives the same bytes wherever it is packed.
package chart

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/berth-dev/berth/hack/release/internal/archive"
)

// Folder is where a checkout has the chart.
const Folder = "config/chart"

// metadata is the file that Helm looks for; it is the first of a package.
const metadata = "Chart.yaml"

// parts are patterns of what a chart consists of. Whatever else lies in its folder, such as what editors and merges leave behind, is no part of it.
var parts = []string{
	metadata, "README.md", "values.yaml", "values.schema.json", "templates/NOTES.txt",
	"templates/*.tpl", "templates/*.yaml", "templates/generated/*.tpl", "templates/generated/*.yaml",
}

// versionLine and appVersionLine are where a Chart.yaml has the chart's version and, with a v in front, that of Berth: the tag of its images.
var (
	versionLine    = regexp.MustCompile(`(?m)^version: .*$`)
	appVersionLine = regexp.MustCompile(`(?m)^appVersion: .*$`)
)

// Digest is that of an image that the chart deploys.
type Digest struct {
	// Component is operator or facade.
	Component string
	// Digest is such as sha256:….
	Digest string
}

// Pack packs the chart of the checkout at root as the given version, without a v, modified at a time. Where no value names an image's tag or digest, the
// chart deploys the images with these digests; without any, those with its version for the tag.
func Pack(root, version string, modified time.Time, digests ...Digest) ([]byte, error) {
	dir := os.DirFS(filepath.Join(root, filepath.FromSlash(Folder)))
	var files []archive.File
	for _, pattern := range parts {
		names, err := fs.Glob(dir, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if path.Base(name)[0] == '.' { // Locks and copies of editors.
				continue
			}
			content, err := fs.ReadFile(dir, name)
			if err != nil {
				return nil, err
			}
			files = append(files, archive.File{Name: path.Join("berth", name), Mode: 0o644, Content: content})
		}
	}
	i := slices.IndexFunc(files, func(f archive.File) bool { return path.Base(f.Name) == metadata })
	if i < 0 {
		return nil, &fs.PathError{Op: "pack", Path: path.Join(Folder, metadata), Err: fs.ErrNotExist}
	}
	content := versionLine.ReplaceAll(files[i].Content, []byte(`version: "`+version+`"`))
	files[i].Content = append(appVersionLine.ReplaceAll(content, []byte(`appVersion: "v`+version+`"`)), annotations(digests)...)
	var packed bytes.Buffer
	err := archive.TarGzip(&packed, modified, files...)
	return packed.Bytes(), err
}

// annotations returns the lines of a Chart.yaml that the chart's helpers read digests from.
func annotations(digests []Digest) []byte {
	if len(digests) == 0 {
		return nil
	}
	var lines bytes.Buffer
	lines.WriteString("annotations:\n")
	for _, d := range digests {
		fmt.Fprintf(&lines, "  berth.dev/%s-digest: %s\n", d.Component, d.Digest)
	}
	return lines.Bytes()
}
