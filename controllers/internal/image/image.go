// Package image finds out what an image is, from its registry, before any node pulls it.
//
// Tenants choose the registry, so nothing of what it says is trusted or passed on, and it may be no address inside the platform.
package image

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"k8s.io/utils/lru"

	"github.com/berth-dev/berth/internal/envport"
)

const (
	// maxConfigs is how many configurations are kept, and maxPorts how many ports of each.
	maxConfigs, maxPorts = 1024, 64
	// maxManifests is how many manifests of an index are looked at.
	maxManifests = 256
	// maxUser is how long a user's name may be in a configuration, and maxPlatform how long the names of an operating system and an architecture.
	maxUser, maxPlatform = 256, 64
	// hub is what references call Docker Hub.
	hub = "docker.io"
)

// Image is what a reference means.
type Image struct {
	// Digest of what the reference names: of the index, if it is one.
	Digest string
	// OS and Architecture of the image that was looked at.
	OS, Architecture string
	// User that the program runs as, as the image says it; may be empty.
	User string
	// Ports are the TCP ports that the image exposes, each once and in order.
	Ports []int32
}

// Client asks registries. Its methods may be called at the same time.
type Client struct {
	options []remote.Option
	mirrors map[string]Mirror
	// configs are those of images, by the digest of their manifest.
	configs *lru.Cache
}

// NewClient returns a Client. The error says that the authorities can't be read.
func NewClient(o Options) (*Client, error) {
	t, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	c := &Client{mirrors: map[string]Mirror{}, configs: lru.New(maxConfigs), options: []remote.Option{
		remote.WithTransport(t), remote.WithUserAgent(o.UserAgent),
		// The caller asks again, with growing pauses.
		remote.WithRetryPredicate(func(error) bool { return false }), remote.WithRetryStatusCodes(),
	}}
	for _, m := range o.Mirrors {
		c.mirrors[m.Host] = m
	}
	return c, nil
}

// Get asks the registry of a reference what it means. The error is an *Error.
func (c *Client) Get(ctx context.Context, reference string, login authn.Keychain) (Image, error) {
	found, err := c.get(withBudget(ctx), reference, login)
	if err != nil {
		return Image{}, classify(ctx, err)
	}
	return found, nil
}

func (c *Client) get(ctx context.Context, reference string, login authn.Keychain) (Image, error) {
	named, err := name.ParseReference(reference, name.WeakValidation)
	if err != nil {
		return Image{}, errInvalid
	}
	auth, err := resolve(named.Context(), login)
	if err != nil {
		return Image{}, &Error{Class: Denied}
	}
	if named, err = c.mirrored(named); err != nil {
		return Image{}, errInvalid
	}
	options := append(slices.Clone(c.options), remote.WithContext(ctx), remote.WithAuth(auth))
	described, err := remote.Get(named, options...)
	if err != nil {
		return Image{}, err
	}
	found := Image{Digest: described.Digest.String()}
	if described.MediaType.IsIndex() {
		if described, err = platform(named.Context(), described, options); err != nil {
			return Image{}, err
		}
	}
	err = c.describe(&found, described)
	return found, err
}

// mirrored returns the reference at the mirror of its registry, if there is one.
func (c *Client) mirrored(named name.Reference) (name.Reference, error) {
	m, ok := c.mirrors[strings.ToLower(named.Context().RegistryStr())]
	if !ok && named.Context().RegistryStr() == name.DefaultRegistry {
		m, ok = c.mirrors[hub]
	}
	if !ok {
		return named, nil
	}
	options := []name.Option{name.WeakValidation}
	if m.URL.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	separator := ":"
	if _, isDigest := named.(name.Digest); isDigest {
		separator = "@"
	}
	return name.ParseReference(m.URL.Host+"/"+named.Context().RepositoryStr()+separator+named.Identifier(), options...)
}

// platform returns the image of an index for Linux and the operator's own processor, which is that of a node; else for amd64; else any. The ports of an
// image hardly depend on it.
func platform(repository name.Repository, index *remote.Descriptor, options []remote.Option) (*remote.Descriptor, error) {
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(index.Manifest))
	if err != nil || len(manifest.Manifests) > maxManifests {
		return nil, errInvalid
	}
	images := slices.DeleteFunc(manifest.Manifests, func(d v1.Descriptor) bool {
		// What a build notes beside an image is for no platform.
		return !d.MediaType.IsImage() || d.Platform != nil && d.Platform.OS == "unknown"
	})
	for _, architecture := range []string{runtime.GOARCH, "amd64", ""} {
		at := slices.IndexFunc(images, func(d v1.Descriptor) bool {
			return architecture == "" || d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == architecture
		})
		if at >= 0 {
			return remote.Get(repository.Digest(images[at].Digest.String()), options...)
		}
	}
	return nil, errInvalid
}

// describe reads the configuration of an image.
func (c *Client) describe(found *Image, described *remote.Descriptor) error {
	if described.MediaType == types.DockerManifestSchema1 || described.MediaType == types.DockerManifestSchema1Signed {
		return errInvalid // Its digest is whatever the registry says.
	}
	digest := found.Digest
	if known, ok := c.configs.Get(described.Digest); ok {
		*found, _ = known.(Image)
		found.Digest = digest
		return nil
	}
	if _, err := v1.ParseManifest(bytes.NewReader(described.Manifest)); err != nil {
		return errInvalid
	}
	image, err := described.Image()
	if err != nil {
		return invalidUnlessAnswered(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return invalidUnlessAnswered(err)
	}
	user := config.Config.User
	if len(config.OS) > maxPlatform || len(config.Architecture) > maxPlatform || len(user) > maxUser {
		return errInvalid // It is kept for long.
	}
	found.OS, found.Architecture, found.User = strings.Clone(config.OS), strings.Clone(config.Architecture), strings.Clone(user)
	found.Ports = exposed(config.Config.ExposedPorts)
	c.configs.Add(described.Digest, *found)
	return nil
}

// exposed returns the TCP ports of the keys in a configuration: NUMBER, which is TCP, or NUMBER/PROTOCOL.
func exposed(keys map[string]struct{}) []int32 {
	var ports []int32
	for key := range keys {
		number, protocol, named := strings.Cut(key, "/")
		if named && !strings.EqualFold(protocol, "tcp") {
			continue
		}
		if port, ok := envport.Parse(number); ok {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	return ports[:min(len(ports), maxPorts)]
}

// resource is a repository under one of the names that logins know it by.
type resource struct{ registry, repository string }

// RegistryStr returns the registry.
func (r resource) RegistryStr() string { return r.registry }

// String returns the repository with its registry.
func (r resource) String() string { return r.registry + "/" + r.repository }

// resolve returns the login for a repository. Docker Hub is known to logins by several names.
func resolve(repository name.Repository, login authn.Keychain) (authn.Authenticator, error) {
	registries := []string{repository.RegistryStr()}
	if registries[0] == name.DefaultRegistry {
		registries = append(registries, hub, "registry-1."+hub)
	}
	for _, registry := range registries {
		auth, err := login.Resolve(resource{registry: registry, repository: repository.RepositoryStr()})
		if err != nil || auth != authn.Anonymous {
			return auth, err
		}
	}
	return authn.Anonymous, nil
}
