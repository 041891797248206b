package stack

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/hack/dev/stack/existing"
)

// standIn is what kind and k3d are replaced by: it keeps what it was called with, and the archive, which is gone afterwards.
const standIn = `#!/bin/sh
echo "$(basename "$0") $* ${KIND_EXPERIMENTAL_PROVIDER}" >>"$RECORDS/calls"
for last; do :; done
cp "$last" "$RECORDS/$(grep -c . "$RECORDS/calls").tar"
exit "${STAND_IN_EXIT:-0}"
`

// standIns puts kind and k3d in front of PATH and returns the folder of their records.
func standIns(t *testing.T) string {
	t.Helper()
	bin, records := t.TempDir(), t.TempDir()
	for _, tool := range []string{"kind", "k3d"} {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte(standIn), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("RECORDS", records)
	t.Setenv("KIND_EXPERIMENTAL_PROVIDER", "")
	return records
}

// clusterCommand builds the command of hack/cluster.
func clusterCommand(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cluster")
	build := exec.CommandContext(t.Context(), "go", "-C", "../../cluster", "build", "-buildvcs=false", "-trimpath", "-o", path, "./cmd/cluster")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// imageNames returns the names that containerd gives to what is in an archive.
func imageNames(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for archive := tar.NewReader(f); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s has no index", path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name != "index.json" {
			continue
		}
		var index struct {
			Manifests []struct{ Annotations map[string]string }
		}
		if err := json.NewDecoder(archive).Decode(&index); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range index.Manifests {
			names = append(names, m.Annotations["io.containerd.image.name"])
		}
		return names
	}
}

// Without a registry, images are loaded by the tool that made the cluster.
func TestLoad(t *testing.T) { //nolint:paralleltest // It sets PATH.
	command := clusterCommand(t)
	for name, tc := range map[string]struct {
		loader existing.Loader
		call   string
	}{
		"kind":       {existing.Loader{Tool: "kind", Cluster: "dev", Runtime: "docker"}, "kind load image-archive --name dev FILE docker"},
		"kindPodman": {existing.Loader{Tool: "kind", Cluster: "my-dev", Runtime: "podman"}, "kind load image-archive --name my-dev FILE podman"},
		"k3d":        {existing.Loader{Tool: "k3d", Cluster: "dev"}, "k3d image import --mode direct --cluster dev FILE "},
	} {
		t.Run(name, func(t *testing.T) {
			records := standIns(t)
			s := &Stack{opts: Options{Dir: t.TempDir(), Cluster: command, Existing: &Existing{Settings: existing.Settings{
				Registry: existing.Registry{Pull: loadedRegistry}, Loader: &tc.loader,
			}}}}
			if err := s.Push(t.Context(), "team/sample:v1", os.Args[0], "-flag"); err != nil {
				t.Fatal(err)
			}
			calls, err := os.ReadFile(filepath.Join(records, "calls"))
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for word := range strings.SplitSeq(strings.TrimSuffix(string(calls), "\n"), " ") {
				if strings.HasSuffix(word, ".tar") {
					word = "FILE"
				}
				words = append(words, word)
			}
			if diff := cmp.Diff(tc.call, strings.Join(words, " ")); diff != "" {
				t.Errorf("calls: -want, +got:\n%s", diff)
			}
			image := s.Image("team/sample:v1")
			if !strings.HasPrefix(image, "localhost/team/sample@sha256:") {
				t.Errorf("Apps have the image as %s, whose kubelet would ask a registry", image)
			}
			if diff := cmp.Diff([]string{"localhost/team/sample:v1", image}, imageNames(t, filepath.Join(records, "1.tar"))); diff != "" {
				t.Errorf("names in the archive: -want, +got:\n%s", diff)
			}
			if left, err := filepath.Glob(filepath.Join(s.opts.Dir, "*")); err != nil || len(left) > 0 {
				t.Errorf("%q are left: %v", left, err)
			}
			t.Setenv("STAND_IN_EXIT", "1")
			if err := s.Push(t.Context(), "team/sample:v1", os.Args[0]); err == nil {
				t.Error("it is no error that the tool failed")
			}
		})
	}
}
