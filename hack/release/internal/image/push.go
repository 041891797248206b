package image

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Push copies an OCI layout that WriteLayout wrote into a repository, such as registry.example.com/berth/operator. The tag comes last, so that
// nobody pulls a half. A tag that is there already and means another image is left alone, which is an error: a release does not change.
func Push(dir, repository string, opts ...remote.Option) error {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return err
	}
	root, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return err
	}
	tags := map[string]v1.ImageIndex{}
	for _, described := range manifest.Manifests {
		if tag, ok := described.Annotations[refName]; ok {
			if err := unused(repo.Tag(tag), described.Digest, opts); err != nil {
				return err
			}
			if tags[tag], err = root.ImageIndex(described.Digest); err != nil {
				return err
			}
		}
		if err := push(root, described, repo, opts); err != nil {
			return err
		}
	}
	for tag, index := range tags {
		if err := remote.Tag(repo.Tag(tag), index, opts...); err != nil {
			return err
		}
	}
	return nil
}

// push copies what a layout's index names, by its digest. Registries that don't list referrers by themselves get the tag that stands in for it.
func push(root v1.ImageIndex, described v1.Descriptor, repo name.Repository, opts []remote.Option) error {
	to := repo.Digest(described.Digest.String())
	if described.MediaType.IsIndex() {
		index, err := root.ImageIndex(described.Digest)
		if err != nil {
			return err
		}
		return remote.WriteIndex(to, index, opts...)
	}
	img, err := root.Image(described.Digest)
	if err != nil {
		return err
	}
	return remote.Write(to, img, opts...)
}

// unused returns an error if a tag means anything but a digest.
func unused(tag name.Tag, digest v1.Hash, opts []remote.Option) error {
	there, err := remote.Head(tag, opts...)
	if failed, ok := errors.AsType[*transport.Error](err); ok && failed.StatusCode == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if there.Digest != digest {
		return fmt.Errorf("%s is there already and is %s, not %s", tag, there.Digest, digest)
	}
	return nil
}
