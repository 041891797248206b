package image_test

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/berth-dev/berth/hack/release/internal/image"
)

var created = time.Unix(1_790_000_000, 0).UTC()

// variant is one of a test's platforms, whose program and SBOM say which one that is.
func variant(t *testing.T, architecture string) image.Variant {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("program of "+architecture), 0o600); err != nil {
		t.Fatal(err)
	}
	return image.Variant{
		Platform: v1.Platform{OS: "linux", Architecture: architecture}, Program: program, SBOM: []byte(`{"name": "` + architecture + `"}`),
	}
}

// write writes the layout of an image with a version for a label, and returns its folder and digest.
func write(t *testing.T, version string) (dir string, digest v1.Hash) {
	t.Helper()
	dir = t.TempDir()
	i := image.Image{
		Name: "operator", Tag: "v1.2.3", Labels: map[string]string{"version": version}, Created: created,
		Variants: []image.Variant{variant(t, "amd64"), variant(t, "arm64")},
	}
	digest, err := i.WriteLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, digest
}

func TestWriteLayout(t *testing.T) {
	t.Parallel()
	dir, digest := write(t, "1")
	if again, same := write(t, "1"); digest != same {
		t.Errorf("WriteLayout in %s and %s: digests %s and %s, want the same", dir, again, digest, same)
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(root); err != nil {
		t.Errorf("the layout is broken: %v", err)
	}
	index, err := root.ImageIndex(digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"version": "1"}, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("the index has %d images, want 2", len(manifest.Manifests))
	}
	for i, architecture := range []string{"amd64", "arm64"} {
		if got, want := manifest.Manifests[i].Platform.String(), "linux/"+architecture; got != want {
			t.Errorf("image %d is for %s, want %s", i, got, want)
		}
		img, err := index.Image(manifest.Manifests[i].Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, img, architecture)
	}
}

// checkImage holds the image of a platform against what it is to be.
func checkImage(t *testing.T, img v1.Image, architecture string) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != architecture || !config.Created.Equal(created) {
		t.Errorf("image of %s/%s, created %s, want linux/%s, %s", config.OS, config.Architecture, config.Created, architecture, created)
	}
	want := v1.Config{Entrypoint: []string{"/operator"}, WorkingDir: "/", User: "65532:65532", Labels: map[string]string{"version": "1"}}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, error %v; want one", len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := tar.NewReader(r)
	header, err := files.Next()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	if header.Name != "operator" || header.Mode != 0o755 || header.Uid != 0 || !header.ModTime.Equal(created) || string(content) != "program of "+architecture {
		t.Errorf("file %s with mode %o of user %d, modified %s: %q", header.Name, header.Mode, header.Uid, header.ModTime, content)
	}
	if _, err := files.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("there is more than the program: %v", err)
	}
}

func TestNoPlatform(t *testing.T) {
	t.Parallel()
	if _, err := (image.Image{Name: "operator", Tag: "v1"}).WriteLayout(t.TempDir()); err == nil {
		t.Error("WriteLayout without a platform: no error")
	}
}

// repository is one of a registry that is new.
func repository(t *testing.T, opts ...registry.Option) name.Repository {
	t.Helper()
	server := httptest.NewServer(registry.New(append(opts, registry.Logger(log.New(io.Discard, "", 0)))...))
	t.Cleanup(server.Close)
	repo, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/berth/operator")
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

func TestPush(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ referrers bool }{
		"ListsReferrers": {referrers: true},
		"WantsATag":      {referrers: false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := repository(t, registry.WithReferrersSupport(tc.referrers))
			dir, digest := write(t, "1")
			for range 2 { // The second time, all is there.
				if err := image.Push(dir, repo.Name()); err != nil {
					t.Fatal(err)
				}
			}
			index, err := remote.Index(repo.Tag("v1.2.3"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := index.Digest(); err != nil || got != digest {
				t.Errorf("the tag is %s, error %v; want %s", got, err, digest)
			}
			for _, architecture := range []string{"amd64", "arm64"} {
				img, err := remote.Image(repo.Tag("v1.2.3"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: architecture}))
				if err != nil {
					t.Fatal(err)
				}
				checkImage(t, img, architecture)
				checkReferrer(t, repo, img, `{"name": "`+architecture+`"}`)
			}
		})
	}
}

// checkReferrer wants an SBOM to refer to an image in a registry.
func checkReferrer(t *testing.T, repo name.Repository, img v1.Image, want string) {
	t.Helper()
	subject, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	referrers, err := remote.Referrers(repo.Digest(subject.String()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := referrers.IndexManifest()
	if err != nil || len(list.Manifests) != 1 {
		t.Fatalf("referrers of %s: %+v, error %v; want one", subject, list, err)
	}
	artifact, err := remote.Image(repo.Digest(list.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := artifact.Manifest()
	if err != nil || manifest.ArtifactType != "application/spdx+json" || manifest.Subject.Digest != subject {
		t.Fatalf("the referrer is %+v, error %v; want an SBOM of %s", manifest, err, subject)
	}
	files, err := artifact.Layers()
	if err != nil || len(files) != 1 {
		t.Fatalf("the SBOM has %d files, error %v; want one", len(files), err)
	}
	r, err := files[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("SBOM %q, error %v; want %q", got, err, want)
	}
}

func TestPushErrors(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	dir, digest := write(t, "1")
	if err := image.Push(dir, repo.Name()); err != nil {
		t.Fatal(err)
	}
	other, _ := write(t, "2")
	cases := map[string]struct{ dir, repository string }{
		"AnotherRelease": {dir: other, repository: repo.Name()},
		"NoLayout":       {dir: t.TempDir(), repository: repo.Name()},
		"BadName":        {dir: dir, repository: "registry.example.com/Berth"},
		"NobodyThere":    {dir: dir, repository: "127.0.0.1:1/berth"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := image.Push(tc.dir, tc.repository); err == nil {
				t.Error("no error")
			}
		})
	}
	t.Cleanup(func() {
		if there, err := remote.Head(repo.Tag("v1.2.3")); err != nil || there.Digest != digest {
			t.Errorf("after all, the tag is %+v, error %v; want %s", there, err, digest)
		}
	})
}
