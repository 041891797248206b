package image

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/berth-dev/berth/hack/release/internal/sign"
)

// payloadType is cosign's media type of what is signed.
const payloadType types.MediaType = "application/vnd.dev.cosign.simplesigning.v1+json"

// signatureAnnotation is where cosign has the signature of it.
const signatureAnnotation = "dev.cosignproject.cosign/signature"

// Sign pushes the signature of an image or another artifact with a digest into its repository, where cosign looks for it: at the tag that the digest
// makes. The digest is that of what was built, not what a registry says. What is there already and is another signature is left alone, which is an error.
func Sign(key *sign.Key, repository, digest string, opts ...remote.Option) error {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return err
	}
	signed, err := v1.NewHash(digest)
	if err != nil {
		return err
	}
	signature, err := newSignature(key, repo, signed)
	if err != nil {
		return err
	}
	of, err := signature.Digest()
	if err != nil {
		return err
	}
	at := repo.Tag(signatureTag(signed))
	if err := unused(at, of, opts); err != nil {
		return err
	}
	return remote.Write(at, signature, opts...)
}

// signatureTag is the tag that the signature of a digest has.
func signatureTag(digest v1.Hash) string {
	return strings.ReplaceAll(digest.String(), ":", "-") + ".sig"
}

func newSignature(key *sign.Key, repository name.Repository, digest v1.Hash) (v1.Image, error) {
	payload, err := sign.Payload(repository.Name(), digest.String())
	if err != nil {
		return nil, err
	}
	text, err := key.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("sign %s@%s: %w", repository, digest, err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return mutate.Append(base, mutate.Addendum{
		Layer: static.NewLayer(payload, payloadType), MediaType: payloadType, Annotations: map[string]string{signatureAnnotation: text},
	})
}
