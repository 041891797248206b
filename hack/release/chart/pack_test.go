package chart_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/release/chart"
)

var modified = time.Unix(1_790_000_000, 0).UTC()

// checkout makes a folder with a chart in it, and files beside that are none of it.
func checkout(t *testing.T, more ...string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"Chart.yaml":                    "apiVersion: v2\nname: berth\nversion: 0.2.0\nappVersion: v0.2.0\n",
		"values.yaml":                   "a: b\n",
		"templates/_helpers.tpl":        "{{- /* Nothing. */}}\n",
		"templates/generated/some.yaml": "kind: {{ .Values.a }}\n",
	}
	for _, name := range more {
		files[name] = "no part of it"
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(chart.Folder), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestSameBytesEverywhere(t *testing.T) {
	t.Parallel()
	clean, err := chart.Pack(checkout(t), "1.2.3", modified)
	if err != nil {
		t.Fatal(err)
	}
	edited := checkout(t, ".DS_Store", "values.yaml~", "templates/.#some.yaml", "templates/generated/some.yaml.orig", "templates/old/gone.yaml", "berth-0.1.0.tgz")
	again, err := chart.Pack(edited, "1.2.3", modified)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(clean, again) {
		t.Error("the same chart in another folder, where somebody works on it, gives another package")
	}
	later, err := chart.Pack(checkout(t), "1.2.3", modified.Add(time.Hour))
	if err != nil || bytes.Equal(clean, later) {
		t.Errorf("another time makes no difference: %v", err)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	packed, err := chart.Pack(checkout(t), "1.2.3-rc.1", modified)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var first string
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !header.ModTime.Equal(modified) {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
		if names = append(names, header.Name); len(names) == 1 {
			content, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			first = string(content)
		}
	}
	want := []string{"berth/Chart.yaml", "berth/values.yaml", "berth/templates/_helpers.tpl", "berth/templates/generated/some.yaml"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files, -want, +got:\n%s", diff)
	}
	if diff := cmp.Diff("apiVersion: v2\nname: berth\nversion: \"1.2.3-rc.1\"\nappVersion: \"v1.2.3-rc.1\"\n", first); diff != "" {
		t.Errorf("Chart.yaml, -want, +got:\n%s", diff)
	}
}

func TestNoChart(t *testing.T) {
	t.Parallel()
	if _, err := chart.Pack(t.TempDir(), "1.2.3", modified); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a chart: %v", err)
	}
}

// Nothing of the real chart is left out.
func TestEveryFile(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	packed, err := chart.Pack(root, "1.2.3", modified)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for files := tar.NewReader(plain); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[header.Name] = true
	}
	err = fs.WalkDir(os.DirFS(filepath.Join(root, chart.Folder)), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !got["berth/"+name] {
			t.Errorf("%s is not packed: if it is part of the chart, parts lacks it", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
