package image

import (
	"archive/tar"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(file, []byte("\x7fELF and so on"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// files are the contents of an image's one layer by name.
func files(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, error %v; want one", len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := map[string]string{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got[header.Name] = string(text)
	}
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	spec := Spec{
		Binary: program(t), Args: []string{"--flag", "value"}, Env: []string{"PORT=8080"},
		Ports: []string{"8080", "53/udp"}, Labels: map[string]string{"a": "b"},
	}
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/app:v1"
	digest, err := Push(ref, spec)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Push(ref, spec)
	if err != nil {
		t.Fatal(err)
	}
	if digest != again {
		t.Errorf("digest %s, then %s; want the same for the same program", digest, again)
	}
	tag, err := name.NewTag(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(tag)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/app", "--flag", "value"}, Env: []string{"PATH=/", "PORT=8080"}, User: "65532:65532", WorkingDir: "/",
		Labels: map[string]string{"a": "b"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}, "53/udp": {}},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config: -want +got:\n%s", diff)
	}
	wantFiles := map[string]string{"tmp/": "", "app": "\x7fELF and so on"}
	if diff := cmp.Diff(wantFiles, files(t, img)); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}
}

func TestPushErrors(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	cases := map[string]struct{ ref, binary string }{
		"NoProgram":   {ref: host + "/app:v1", binary: filepath.Join(t.TempDir(), "none")},
		"BadName":     {ref: host + "/App:v1", binary: program(t)},
		"NobodyThere": {ref: "127.0.0.1:1/app:v1", binary: program(t)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Push(tc.ref, Spec{Binary: tc.binary}); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestWriteTar(t *testing.T) {
	file := filepath.Join(t.TempDir(), "images", "app.tar")
	if err := WriteTar(file, "localhost/app:v1", Spec{Binary: program(t)}); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("localhost/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := files(t, img)["app"]; !ok {
		t.Error("the program is not in the image")
	}
}
