package registry_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/registry"
)

func TestOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ image, want string }{
		"Library":    {"nginx", "docker.io"},
		"OfAUser":    {"ann/nginx:1", "docker.io"},
		"Index":      {"index.docker.io/ann/nginx", "docker.io"},
		"Named":      {"docker.io/ann/nginx", "docker.io"},
		"Host":       {"registry.example.com/a/b@sha256:0123", "registry.example.com"},
		"Port":       {"registry:5000/a", "registry:5000"},
		"Localhost":  {"localhost/a", "localhost"},
		"UpperCase":  {"Registry/a", "Registry"},
		"TagNoHost":  {"nginx:1.29", "docker.io"},
		"DigestOnly": {"nginx@sha256:0123", "docker.io"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := registry.Of(tc.image); got != tc.want {
				t.Errorf("Of(%q) = %q, want %q", tc.image, got, tc.want)
			}
		})
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ image, want string }{
		"Name":   {"nginx", "nginx"},
		"Tag":    {"nginx:1", "nginx"},
		"Digest": {"registry.example.com/a/b@sha256:0123", "registry.example.com/a/b"},
		"Both":   {"registry.example.com/a/b:v1@sha256:0123", "registry.example.com/a/b"},
		"Port":   {"registry:5000/a", "registry:5000/a"},
		"All":    {"registry:5000/a:v1@sha256:0123", "registry:5000/a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := registry.Repository(tc.image); got != tc.want {
				t.Errorf("Repository(%q) = %q, want %q", tc.image, got, tc.want)
			}
		})
	}
}
