package image

import (
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// blob is the content of a file in a registry, and what it is.
type blob struct {
	content   []byte
	mediaType types.MediaType
}

// noConfig is what OCI has artifacts name that have no configuration.
var noConfig = blob{content: []byte("{}"), mediaType: "application/vnd.oci.empty.v1+json"}

// artifact is a manifest of one file that is no image.
type artifact struct {
	config   []byte
	manifest []byte
	file     v1.Layer
}

// newArtifact makes an artifact of a file. With a subject it belongs to that image, and registries list it as its referrer.
func newArtifact(config, file blob, subject *v1.Descriptor, annotations map[string]string) (v1.Image, error) {
	a := artifact{config: config.content, file: static.NewLayer(file.content, file.mediaType)}
	describedConfig, err := partial.Descriptor(static.NewLayer(config.content, config.mediaType))
	if err != nil {
		return nil, err
	}
	describedFile, err := partial.Descriptor(a.file)
	if err != nil {
		return nil, err
	}
	manifest := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        *describedConfig,
		Layers:        []v1.Descriptor{*describedFile},
		Subject:       subject,
		Annotations:   annotations,
	}
	if config.mediaType == noConfig.mediaType {
		manifest.ArtifactType = string(file.mediaType)
	}
	if a.manifest, err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(a)
}

// MediaType is that of any manifest.
func (artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawConfigFile is the configuration.
func (a artifact) RawConfigFile() ([]byte, error) { return a.config, nil }

// RawManifest is the manifest in JSON.
func (a artifact) RawManifest() ([]byte, error) { return a.manifest, nil }

// LayerByDigest returns the file.
func (a artifact) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	have, err := a.file.Digest()
	if err != nil {
		return nil, err
	}
	if have != digest {
		return nil, fmt.Errorf("the artifact has no file %s", digest)
	}
	return a.file, nil
}
