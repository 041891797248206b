package image

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// emptyConfig is what OCI has artifacts name, which have no configuration.
const (
	emptyConfig                     = "{}"
	emptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"
)

// artifact is a manifest of one file that belongs to an image, and that registries list as its referrer.
type artifact struct {
	manifest []byte
	file     v1.Layer
}

// newArtifact makes the manifest of a file that belongs to subject.
func newArtifact(content []byte, mediaType types.MediaType, subject v1.Descriptor, annotations map[string]string) (v1.Image, error) {
	a := artifact{file: static.NewLayer(content, mediaType)}
	config, err := partial.Descriptor(static.NewLayer([]byte(emptyConfig), emptyConfigType))
	if err != nil {
		return nil, err
	}
	file, err := partial.Descriptor(a.file)
	if err != nil {
		return nil, err
	}
	subject = v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest}
	a.manifest, err = json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  string(mediaType),
		Config:        *config,
		Layers:        []v1.Descriptor{*file},
		Subject:       &subject,
		Annotations:   annotations,
	})
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(a)
}

// MediaType is that of any manifest.
func (artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawConfigFile is empty.
func (artifact) RawConfigFile() ([]byte, error) { return []byte(emptyConfig), nil }

// RawManifest is the manifest in JSON.
func (a artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

// LayerByDigest returns the file.
func (a artifact) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	if have, err := a.file.Digest(); err != nil || have != digest {
		return nil, fmt.Errorf("the artifact has no file %s: %w", digest, err)
	}
	return a.file, nil
}
