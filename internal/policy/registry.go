package policy

import (
	"path"
	"slices"
	"strings"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/registry"
)

// hubAliases are hosts at which Docker Hub answers as well.
var hubAliases = []string{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}

const hub = "docker.io"

// AllowsRegistry reports whether Apps of the organization may pull an image.
func AllowsRegistry(org v1alpha1.Organization, image string) bool {
	name := canonical(image)
	if matchesAny(org.Spec.DeniedRegistries, name) {
		return false
	}
	return len(org.Spec.AllowedRegistries) == 0 || matchesAny(org.Spec.AllowedRegistries, name)
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
	segments[0] = host(segments[0])
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
	server = host(server)
	if server == hub {
		for _, alias := range append(hubAliases, hub) {
			repository = strings.TrimPrefix(repository, alias+"/")
		}
		if !strings.Contains(repository, "/") {
			repository = "library/" + repository
		}
	}
	return append([]string{server}, strings.Split(repository, "/")...)
}

// host returns a registry's host in lower case, without the port that HTTPS has anyway.
func host(server string) string {
	name, port, _ := strings.Cut(strings.ToLower(server), ":")
	port = strings.TrimLeft(port, "0")
	if slices.Contains(hubAliases, name) {
		name = hub
	}
	if port == "" || port == "443" {
		return name
	}
	return name + ":" + port
}
