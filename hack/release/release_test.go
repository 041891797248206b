package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/berth-dev/berth/hack/release/chart"
	"github.com/berth-dev/berth/hack/release/internal/build"
)

const (
	// root is Berth's module.
	root = "../.."
	// version is that of the releases of the tests.
	version = "v1.2.3-rc.1"
)

// TestRelease makes a release twice: of this checkout, and in another folder, of no more than what it takes. It is for the two platforms of images, since the
// others are compiled by the same flags and would cost minutes. For the same reason, one program alone is compiled with nothing of what the releases
// compiled.
func TestRelease(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=a_tag_that_would_be_seen -trimpath=false") // Nobody's own settings count.
	dir, again, copied := t.TempDir(), t.TempDir(), copyTree(t)
	makeRelease(t, root, dir)
	makeRelease(t, copied, again)
	t.Run("Same", func(t *testing.T) {
		if diff := cmp.Diff(tree(t, dir), tree(t, again)); diff != "" {
			t.Errorf("two releases differ (-checkout +copy):\n%s", diff)
		}
	})
	t.Run("CompiledAnew", func(t *testing.T) {
		t.Setenv("GOCACHE", otherCache(t))
		anew, host := t.TempDir(), v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
		if err := build.Commands(t.Context(), copied, anew, host, version, client); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(anew, client))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, unpack(t, filepath.Join(dir, client+"_"+version+"_linux_"+runtime.GOARCH+".tar.gz"))) {
			t.Errorf("%s is another program if all of it is compiled anew", client)
		}
	})
	t.Run("Checksums", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--quiet", "checksums.txt")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sha256sum: %v: %s", err, out)
		}
	})
	t.Run("DigestsInTheChart", func(t *testing.T) { checkDigests(t, dir) })
	for _, command := range []string{"operator", "facade", "berthctl"} {
		t.Run(command, func(t *testing.T) {
			content := unpack(t, filepath.Join(dir, client+"_"+version+"_linux_"+runtime.GOARCH+".tar.gz"))
			if command != "berthctl" {
				content = imageLayer(t, filepath.Join(dir, command))
			}
			checkProgram(t, command, content, copied)
			checkSBOM(t, filepath.Join(dir, command+"_"+version+"_linux_"+runtime.GOARCH+".spdx.json"), command != "berthctl")
		})
	}
}

// makeRelease makes a release of a checkout.
func makeRelease(t *testing.T, checkout, out string) {
	t.Helper()
	args := []string{
		"--root=" + checkout, "--out=" + out, "--version=" + version, "--revision=0123", "--epoch=1790000000",
		"--platform=linux/amd64", "--platform=linux/arm64",
	}
	if err := run(t.Context(), args, t.Output()); err != nil {
		t.Fatal(err)
	}
}

// otherCache is a folder for what is compiled that no other build uses. It is kept where `make` keeps what is expensive: all that Berth needs
// is compiled into it once, in minutes, and only what has changed later.
func otherCache(t *testing.T) string {
	t.Helper()
	caches := os.Getenv("BERTH_CACHE")
	if caches == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		caches = filepath.Join(user, "berth")
	}
	return filepath.Join(caches, "release", "go-build")
}

// copyTree copies what the Dockerfile copies, the license and the chart into a new folder.
func copyTree(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range append(copiedByDocker(t), "LICENSE", chart.Folder) {
		from := filepath.Join(root, name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(to, name), os.DirFS(from))
		} else {
			err = copyFile(filepath.Join(to, name), from)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// copiedByDocker are the files and folders of the checkout that the Dockerfile copies.
func copiedByDocker(t *testing.T) []string {
	t.Helper()
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(dockerfile)) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "COPY" && !strings.HasPrefix(words[1], "--") {
			names = append(names, words[1:len(words)-1]...)
		}
	}
	return names
}

// A container engine is sent what the Dockerfile copies, and nothing else of what lies in a checkout.
func TestDockerignore(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"*"}
	for _, name := range copiedByDocker(t) {
		want = append(want, "!"+name)
	}
	rules := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(content)), "\n"), func(l string) bool { return strings.HasPrefix(l, "#") })
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf(".dockerignore, -want, +got:\n%s", diff)
	}
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// tree is the SHA-256 of each file below a folder, of which the checksums' own file tells.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		files[name] = sum
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && name != "checksums.txt" && files[name] == "" {
			t.Errorf("%s has no checksum", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// unpack returns the first file of an archive.
func unpack(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return firstFile(t, plain)
}

func firstFile(t *testing.T, r io.Reader) []byte {
	t.Helper()
	files := tar.NewReader(r)
	if _, err := files.Next(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// imageLayer returns the program in an OCI layout's image for the test's own platform.
func imageLayer(t *testing.T, dir string) []byte {
	t.Helper()
	all, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(all); err != nil {
		t.Errorf("the layout is broken: %v", err)
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	index, err := all.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool { return d.Platform.Architecture == runtime.GOARCH })
	img, err := index.Image(manifest.Manifests[i].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return firstFile(t, r)
}

// checkProgram wants a program to say its version, and to know no folder of this machine.
func checkProgram(t *testing.T, command string, content []byte, copied string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), command)
	if err := os.WriteFile(file, content, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), file, "--version").Output()
	if want := command + " " + version + " " + runtime.Version() + " linux/" + runtime.GOARCH + "\n"; err != nil || string(out) != want {
		t.Errorf("%s --version: %q, error %v; want %q", command, out, err, want)
	}
	folders, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE", "GOCACHE", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range append(strings.Fields(string(folders)), copied) {
		if at := bytes.Index(content, []byte(folder)); at >= 0 {
			t.Errorf("%s has the folder %s in it: …%q…", command, folder, content[max(0, at-40):at+len(folder)+80])
		}
	}
}

// checkSBOM wants the modules that matter to be listed, the authorities of images among them.
func checkSBOM(t *testing.T, file string, authorities bool) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"k8s.io/client-go": true, "golang.org/x/crypto/x509roots/fallback": authorities} {
		if got := bytes.Contains(content, []byte(`"name": "`+name+`"`)); got != want {
			t.Errorf("%s lists %s: %t, want %t", filepath.Base(file), name, got, want)
		}
	}
}
