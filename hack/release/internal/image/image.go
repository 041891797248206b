// Package image makes container images out of one static program each, FROM scratch, without a container engine: an OCI layout on disk, with
// an index of the platforms and an SBOM for each, and pushes that to a registry.
package image

import (
	"bytes"
	"io"
	"maps"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/berth-dev/berth/hack/release/internal/archive"
)

// user is the numeric user and group that images run as: nobody in particular, and not root.
const user = "65532:65532"

// Image is one command for several platforms.
type Image struct {
	// Name is that of the command, which lies at the root.
	Name string
	// Tag is what the layout calls the image.
	Tag string
	// Labels become labels of the images, and annotations of the index.
	Labels map[string]string
	// Created is when the images say that they were made, and their files modified.
	Created time.Time
	// Variants are the platforms, in the order of the index.
	Variants []Variant
}

// Variant is an image for one platform.
type Variant struct {
	// Platform is what the program runs on.
	Platform v1.Platform
	// Program is the file of the static program.
	Program string
	// SBOM lists what the program is made of, in SPDX's JSON.
	SBOM []byte
}

// image makes the image of a variant.
func (i Image) image(variant Variant) (v1.Image, error) {
	layer, err := i.layer(variant.Program)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: i.Created.UTC()}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "make release"}})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = variant.Platform.OS, variant.Platform.Architecture, created
	config.Config = v1.Config{Entrypoint: []string{"/" + i.Name}, WorkingDir: "/", User: user, Labels: maps.Clone(i.Labels)}
	return mutate.ConfigFile(img, config)
}

// layer holds the program and no other file. The authorities that TLS is verified by are part of the program.
func (i Image) layer(program string) (v1.Layer, error) {
	content, err := os.ReadFile(program) //nolint:gosec // The caller's choice.
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	if err := archive.Tar(&files, i.Created, archive.File{Name: i.Name, Mode: 0o755, Content: content}); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
