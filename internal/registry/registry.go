// Package registry knows which registry a container image is in.
package registry

import "strings"

// DockerHub is the registry of an image that names none. The names of its servers end in it.
const DockerHub = "docker.io"

// Of returns the registry of an image as its reference names it, HOST[:PORT]; it is docker.io for an image that names none.
func Of(image string) string {
	first, _, found := strings.Cut(image, "/")
	if !found || !isHost(first) || first == "index."+DockerHub {
		return DockerHub
	}
	return first
}

// Repository returns what an image's reference says before its tag and its digest.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		return image[:colon]
	}
	return image
}

// isHost tells a host from the first part of a repository's name.
func isHost(first string) bool {
	return strings.ContainsAny(first, ".:") || first == "localhost" || first != strings.ToLower(first)
}
