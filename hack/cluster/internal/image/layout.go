package image

import (
	"archive/tar"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// nameAnnotation is where containerd looks for the whole name of an image in the index of an archive.
const nameAnnotation = "io.containerd.image.name"

// WriteLayout writes the image into an archive in the OCI image layout, such as `kind load image-archive` and `k3d image import` take. Whoever imports
// it knows the image by ref and by the returned name with its digest, which a kubelet doesn't pull again.
func WriteLayout(out io.Writer, ref string, s Spec) (byDigest string, err error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return "", err
	}
	img, err := build(s)
	if err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	byDigest = tag.Context().Digest(digest.String()).Name()
	if err := writeLayout(dir, img, tag.Name(), byDigest); err != nil {
		return "", fmt.Errorf("layout of %s: %w", ref, err)
	}
	archive := tar.NewWriter(out)
	if err := archive.AddFS(os.DirFS(dir)); err != nil {
		return "", err
	}
	return byDigest, archive.Close()
}

// writeLayout fills a folder with an image that has several names.
func writeLayout(dir string, img v1.Image, names ...string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{nameAnnotation: n})); err != nil {
			return err
		}
	}
	return nil
}
