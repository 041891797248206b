// Package pack packs the Helm chart, so that the same content gives the same bytes wherever and whenever it is packed.
package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// epoch is the time that every file in the package has. Zero would be refused by some readers of archives.
var epoch = time.Unix(315532800, 0).UTC()

// versionLine and appVersionLine are where a Chart.yaml has the chart's version and, with a v in front, that of Berth: the tag of its images.
var (
	versionLine    = regexp.MustCompile(`(?m)^version: .*$`)
	appVersionLine = regexp.MustCompile(`(?m)^appVersion: .*$`)
)

// Write packs the chart of the checkout at root as OUT/berth-VERSION.tgz and returns that name. The version replaces the chart's own unless
// it is empty.
func Write(root, version, out string) (string, error) {
	dir := filepath.Join(root, "config", "chart")
	files, err := read(dir)
	if err != nil {
		return "", err
	}
	const chart = "Chart.yaml"
	if version != "" {
		content := versionLine.ReplaceAll(files[chart], []byte(`version: "`+version+`"`))
		files[chart] = appVersionLine.ReplaceAll(content, []byte(`appVersion: "v`+version+`"`))
	}
	data, err := archive(files)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return "", err
	}
	name := filepath.Join(out, "berth-"+versionOf(files[chart])+".tgz")
	return name, os.WriteFile(name, data, 0o644) //nolint:gosec // Everybody may read it.
}

// versionOf is the version that a Chart.yaml says.
func versionOf(chart []byte) string {
	for line := range strings.Lines(string(chart)) {
		if version, ok := strings.CutPrefix(line, "version: "); ok {
			return strings.Trim(strings.TrimSpace(version), `"`)
		}
	}
	return ""
}

// read reads the files of a chart, by their paths with slashes.
func read(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[name], err = fs.ReadFile(root, name)
		return err
	})
	return files, err
}

// archive makes a compressed archive of files, sorted, below a folder named after the chart. Chart.yaml is the first: Helm looks for it.
func archive(files map[string][]byte) ([]byte, error) {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if a == "Chart.yaml" {
			return -1
		}
		if b == "Chart.yaml" {
			return 1
		}
		return strings.Compare(a, b)
	})
	var b bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	out := tar.NewWriter(compressed)
	for _, name := range names {
		header := &tar.Header{Name: path.Join("berth", name), Mode: 0o644, Size: int64(len(files[name])), ModTime: epoch, Typeflag: tar.TypeReg}
		if err := out.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := out.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	err = compressed.Close()
	return b.Bytes(), err
}
