package image

import (
	"errors"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/berth-dev/berth/hack/release/internal/sbom"
)

// labelPrefix is what the names of OCI's labels and annotations begin with.
const labelPrefix = "org.opencontainers.image."

// refName is the annotation by which a layout names an image.
const refName = labelPrefix + "ref.name"

// WriteLayout writes an OCI layout into the folder dir: the index of the platforms, which has the tag for its name, and beside it each
// platform's SBOM, whose subject is the platform's image. The digest is the index's, by which the image is pulled.
func (i Image) WriteLayout(dir string) (digest v1.Hash, err error) {
	if len(i.Variants) == 0 {
		return digest, errors.New("there is no platform to make it for")
	}
	var platforms, all []mutate.IndexAddendum
	for _, variant := range i.Variants {
		img, err := i.image(variant)
		if err != nil {
			return digest, err
		}
		described, err := partial.Descriptor(img)
		if err != nil {
			return digest, err
		}
		platforms = append(platforms, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &variant.Platform}})
		annotations := map[string]string{labelPrefix + "created": i.Created.UTC().Format(time.RFC3339)}
		subject := &v1.Descriptor{MediaType: described.MediaType, Size: described.Size, Digest: described.Digest}
		document, err := newArtifact(noConfig, blob{content: variant.SBOM, mediaType: sbom.MediaType}, subject, annotations)
		if err != nil {
			return digest, err
		}
		all = append(all, mutate.IndexAddendum{Add: document})
	}
	index, ok := mutate.Annotations(mutate.AppendManifests(empty.Index, platforms...), i.Labels).(v1.ImageIndex)
	if !ok {
		return digest, errors.New("an index with annotations is none") // So mutate says that it never is.
	}
	named := mutate.IndexAddendum{Add: index, Descriptor: v1.Descriptor{Annotations: map[string]string{refName: i.Tag}}}
	all = append([]mutate.IndexAddendum{named}, all...)
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, all...)); err != nil {
		return digest, err
	}
	return index.Digest()
}
