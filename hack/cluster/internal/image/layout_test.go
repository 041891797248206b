package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// extract writes the files of an archive into a folder, which it returns.
func extract(t *testing.T, archive io.Reader) string {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, text, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// An App that names the digest starts on a node that has imported the archive, without any registry.
func TestWriteLayout(t *testing.T) {
	var archive bytes.Buffer
	byDigest, err := WriteLayout(&archive, "localhost/team/app:v1", Spec{Binary: program(t), Args: []string{"-flag"}})
	if err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(extract(t, &archive))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range manifest.Manifests {
		names = append(names, m.Annotations["io.containerd.image.name"])
		if got := "localhost/team/app@" + m.Digest.String(); got != byDigest {
			t.Errorf("%s is %s", byDigest, got)
		}
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files(t, img)["app"]; !ok {
			t.Error("the program is not in the image")
		}
	}
	if diff := cmp.Diff([]string{"localhost/team/app:v1", byDigest}, names); diff != "" {
		t.Errorf("names: -want, +got:\n%s", diff)
	}
}

func TestWriteLayoutErrors(t *testing.T) {
	for name, tc := range map[string]struct{ ref, binary string }{
		"NoProgram": {ref: "localhost/app:v1", binary: filepath.Join(t.TempDir(), "none")},
		"BadName":   {ref: "localhost/App:v1", binary: program(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := WriteLayout(io.Discard, tc.ref, Spec{Binary: tc.binary}); err == nil {
				t.Error("no error")
			}
		})
	}
}
