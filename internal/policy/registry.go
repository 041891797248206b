package policy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/registry"
)

// hubAliases are hosts at which Docker Hub answers as well.
var hubAliases = []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}

// Registries is what the platform says of registries.
type Registries struct {
	// Hosts say which names are internal.
	Hosts host.Rules
	// Internal are the internal registries that every organization may pull from, as patterns like those of an Organization.
	Internal []string
}

// Allows reports whether Apps of the organization may pull an image. A node connects to the registry from its own network, so one that is internal
// has to be allowed by name, unless the organization is trusted.
func (r Registries) Allows(org v1alpha1.Organization, image string) bool {
	name := canonical(image)
	allowed := org.Spec.AllowedRegistries
	switch {
	case matchesAny(org.Spec.DeniedRegistries, name), len(allowed) > 0 && !matchesAny(allowed, name):
		return false
	case Trusted(org), !r.isInternal(name[0]):
		return true
	default:
		return matchesAny(slices.DeleteFunc(slices.Clone(allowed), isWildcard), name) || matchesAny(r.Internal, name)
	}
}

func (r Registries) isInternal(server string) bool {
	name, _, _ := strings.Cut(server, ":")
	return r.Hosts.IsInternal(name)
}

// isWildcard reports whether a pattern names no single host.
func isWildcard(pattern string) bool {
	server, _, _ := strings.Cut(pattern, "/")
	return strings.Contains(server, "*")
}

// registryPattern is that of allowedRegistries and deniedRegistries.
var registryPattern = regexp.MustCompile(`^[a-z0-9*]([-a-z0-9.*]*[a-z0-9*])?(:[0-9]{1,5})?(/[-a-z0-9._*]+)*$`)

// ParseRegistry returns a pattern of registries, or says why it is none.
func ParseRegistry(text string) (string, error) {
	if !registryPattern.MatchString(text) {
		return "", fmt.Errorf("%q is not HOST[:PORT] or HOST[:PORT]/REPOSITORY in lower case, such as 10.1.2.3:5000", text)
	}
	return text, nil
}

func matchesAny(patterns, name []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

// matches reports whether the segments of a pattern match as many leading segments of a name.
func matches(pattern string, name []string) bool {
	segments := strings.Split(pattern, "/")
	if len(segments) > len(name) {
		return false
	}
	segments[0] = normalized(segments[0])
	for i, segment := range segments {
		if ok, err := path.Match(segment, name[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// canonical returns the host and the segments of the repository of an image, such that all references to one repository have the same: neither
// the case of the host, nor the default port, nor a name that Docker Hub may leave out evades a pattern.
func canonical(image string) []string {
	server := registry.Of(image)
	repository := strings.TrimPrefix(registry.Repository(image), server+"/")
	server = normalized(server)
	if server == registry.DockerHub {
		for _, alias := range append(hubAliases, registry.DockerHub) {
			repository = strings.TrimPrefix(repository, alias+"/")
		}
		if !strings.Contains(repository, "/") {
			repository = "library/" + repository
		}
	}
	return append([]string{server}, strings.Split(repository, "/")...)
}

// normalized returns a registry's host in lower case, without the port that HTTPS has anyway.
func normalized(server string) string {
	name, port, _ := strings.Cut(strings.ToLower(server), ":")
	port = strings.TrimLeft(port, "0")
	if slices.Contains(hubAliases, name) {
		name = registry.DockerHub
	}
	if port == "" || port == "443" {
		return name
	}
	return name + ":" + port
}
