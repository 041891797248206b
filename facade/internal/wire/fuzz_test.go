package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/registry"
)

// FuzzLocation says that an image is told from what stands in front of it, and its registry and repository from the rest.
func FuzzLocation(f *testing.F) {
	f.Add("https://123456789012.dkr.ecr.us-west-2.amazonaws.com/cowork:master")
	f.Add("HTTPS://localhost:5000/a/b__c@sha256:0123456789abcdef0123456789abcdef")
	f.Add("shop:v1")
	f.Add("Registry/shop")
	f.Add("a:5/b:c")
	f.Fuzz(func(t *testing.T, location string) {
		prefix, image := SplitLocation(location)
		if prefix+image != location || !slices.Contains([]string{"", "http://", "https://"}, strings.ToLower(prefix)) {
			t.Fatalf("%q is parted into %q and %q", location, prefix, image)
		}
		if !validLocation(location) {
			return
		}
		host, repository := registry.Of(image), registry.Repository(image)
		rest := strings.TrimPrefix(image, repository)
		if !strings.HasPrefix(image, repository) || rest != "" && rest[0] != ':' && rest[0] != '@' || strings.Contains(rest, "/") {
			t.Errorf("%q has the repository %q", image, repository)
		}
		if strings.Contains(repository, "@") || registry.Repository(repository) != repository || registry.Of(repository) != host {
			t.Errorf("%q has the repository %q, which has %q in %q", image, repository, registry.Repository(repository), registry.Of(repository))
		}
		if host != "docker.io" && !strings.HasPrefix(image, host+"/") {
			t.Errorf("%q is in the registry %q", image, host)
		}
		if !validLocation(repository) {
			t.Errorf("the repository %q of %q is none", repository, image)
		}
	})
}

// FuzzRoleName says that a role name is a role's or a user's, or refused.
func FuzzRoleName(f *testing.F) {
	f.Add("arn:aws:iam::123456789012:role/cowork-deploy")
	f.Add("arn:aws-us-gov:iam::1:a@b")
	f.Add("robot$pull")
	f.Add("a:b")
	f.Fuzz(func(t *testing.T, name string) {
		if IsRole(name) && !validRoleName(name) {
			t.Errorf("%q is a role and refused", name)
		}
		if validRoleName(name) && !IsRole(name) && strings.ContainsAny(name, ":\n\x00") {
			t.Errorf("%q is taken for a user", name)
		}
		if IsRole(name) && (len(strings.Split(name, ":")) < 6 || strings.ContainsAny(name, " \n")) {
			t.Errorf("%q is taken for a role", name)
		}
	})
}
