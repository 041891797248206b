package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berth-dev/berth/hack/release/chart"
	"github.com/berth-dev/berth/hack/release/internal/image"
	"github.com/berth-dev/berth/hack/release/internal/testsign"
)

// checkDigests fails the test unless the chart of a release deploys the images of the release.
func checkDigests(t *testing.T, dir string) {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join(dir, "berth-"+strings.TrimPrefix(version, "v")+".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(plain)
	if header, err := files.Next(); err != nil || header.Name != "berth/Chart.yaml" {
		t.Fatalf("the first file of the chart is %+v, error %v; want Chart.yaml", header, err)
	}
	metadata, err := io.ReadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	digests, err := os.ReadFile(filepath.Join(dir, "images.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(digests)) {
		command, _, _ := strings.Cut(line, ":")
		_, digest, _ := strings.Cut(strings.TrimSpace(line), "@")
		if want := "berth.dev/" + command + "-digest: " + digest; !strings.Contains(string(metadata), want) {
			t.Errorf("Chart.yaml has no line %q:\n%s", want, metadata)
		}
	}
}

// small is a release of one small program for each image, pushed to a registry of the test's.
func small(t *testing.T, key string) *release {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	o := options{out: t.TempDir(), version: version, push: strings.TrimPrefix(server.URL, "http://") + "/berth", signingKey: key}
	r := &release{options: o, log: t.Output()}
	for _, s := range served {
		file := filepath.Join(t.TempDir(), s.name)
		if err := os.WriteFile(file, []byte(s.name), 0o600); err != nil {
			t.Fatal(err)
		}
		i := image.Image{Name: s.name, Tag: version, Variants: []image.Variant{{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Program: file}}}
		digest, err := i.WriteLayout(filepath.Join(r.out, s.name))
		if err != nil {
			t.Fatal(err)
		}
		r.digests = append(r.digests, chart.Digest{Component: s.name, Digest: digest.String()})
	}
	var err error
	if r.packed, err = chart.Pack(root, strings.TrimPrefix(version, "v"), r.created, r.digests...); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSigned says that with a key the checksums and all that is pushed is signed, and nothing without one.
func TestSigned(t *testing.T) {
	t.Parallel()
	file, public := testsign.NewKey(t)
	for what, key := range map[string]string{"Key": file, "NoKey": ""} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := small(t, key)
			if err := errors.Join(r.loadKey(t.Context()), r.checksums(t.Context()), r.publish(t.Context())); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(r.out, "checksums.txt.sig"))
			if key == "" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("there is a signature: %q, error %v", text, err)
			}
			if key != "" {
				sums, readErr := os.ReadFile(filepath.Join(r.out, "checksums.txt"))
				raw, decodeErr := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
				if sum := sha256.Sum256(sums); errors.Join(err, readErr, decodeErr) != nil || !ecdsa.VerifyASN1(public, sum[:], raw) {
					t.Errorf("the signature of the checksums does not hold: %v", errors.Join(err, readErr, decodeErr))
				}
			}
			for repository, tag := range map[string]string{"operator": version, "facade": version, "charts/berth": strings.TrimPrefix(version, "v")} {
				repo, err := name.NewRepository(r.push + "/" + repository)
				if err != nil {
					t.Fatal(err)
				}
				pushed, err := remote.Head(repo.Tag(tag))
				if err != nil {
					t.Fatal(err)
				}
				_, err = remote.Head(repo.Tag("sha256-" + pushed.Digest.Hex + ".sig"))
				if (err == nil) != (key != "") {
					t.Errorf("%s is signed: %t, error %v", repository, err == nil, err)
				}
			}
		})
	}
	if err := run(t.Context(), []string{"--version=" + version, "--out=" + t.TempDir(), "--signing-key=missing"}, io.Discard); err == nil {
		t.Error("a key that is not there: no error")
	}
}
