// Package image makes container images out of one static program each, FROM scratch, without a container
// engine.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// defaultUser is the numeric user and group that images run as: nobody in particular, and not root.
const defaultUser = "65532:65532"

// Spec says what an image holds.
type Spec struct {
	// Binary is the file of the static program that becomes the entry point, at the image's root.
	Binary string
	// Args follow the program in the entry point.
	Args []string
	// Env are NAME=VALUE pairs.
	Env []string
	// Ports are documented as listened on, such as 8080/tcp; a bare number is TCP.
	Ports []string
	// User is the user that the image runs as, as its configuration names one. Default: an unprivileged one.
	User string
	// Labels are the image's labels.
	Labels map[string]string
}

// WriteTar writes the image into an archive that containerd imports under ref.
func WriteTar(file, ref string, s Spec) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	img, err := build(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return tarball.WriteToFile(file, tag, img)
}

// Push puts the image into a registry that speaks plain HTTP, under ref, such as 127.0.0.1:5000/app:v1. It
// returns the image's digest.
func Push(ref string, s Spec, opts ...remote.Option) (digest string, err error) {
	tag, err := name.NewTag(ref, name.Insecure)
	if err != nil {
		return "", err
	}
	img, err := build(s)
	if err != nil {
		return "", err
	}
	if err := remote.Write(tag, img, opts...); err != nil {
		return "", fmt.Errorf("push %s: %w", tag, err)
	}
	hash, err := img.Digest()
	return hash.String(), err
}

func build(s Spec) (v1.Image, error) {
	files, err := archive(s.Binary)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithCompressedCaching) // Images live for a run of the cluster.
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{
		Entrypoint:   append([]string{"/" + filepath.Base(s.Binary)}, s.Args...),
		WorkingDir:   "/",
		User:         cmp.Or(s.User, defaultUser),
		Env:          append([]string{"PATH=/"}, s.Env...),
		Labels:       s.Labels,
		ExposedPorts: exposed(s.Ports),
	}
	return mutate.ConfigFile(img, config)
}

func exposed(ports []string) map[string]struct{} {
	if len(ports) == 0 {
		return nil
	}
	set := make(map[string]struct{}, len(ports))
	for _, p := range ports {
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		set[p] = struct{}{}
	}
	return set
}

// archive is the image's one layer. Times and owners are left at zero, so that the same program gives the
// same digest.
func archive(binary string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if err := w.WriteHeader(&tar.Header{Name: filepath.Base(binary), Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
