package policy

import (
	"testing"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestAllowsRegistry(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	cases := map[string]struct {
		allowed, denied []string
		yes, no         []string
	}{
		"Default": {yes: []string{"nginx", "ghcr.io/acme/web:v1", "localhost:5000/x"}},
		"Host": {
			allowed: []string{"registry.example.com"},
			yes:     []string{"registry.example.com/web", "registry.example.com/shop/web:v3" + digest, "Registry.Example.com/web", "registry.example.com:443/web"},
			no:      []string{"nginx", "registry.example.com.evil.test/web", "registry.example.com:5000/web", "eu.registry.example.com/web"},
		},
		"Port": {
			allowed: []string{"registry.example.com:5000", "one.example.com:443"},
			yes:     []string{"registry.example.com:5000/web", "registry.example.com:05000/web", "one.example.com/web"},
			no:      []string{"registry.example.com/web", "registry.example.com:50000/web"},
		},
		"Repository": {
			allowed: []string{"ghcr.io/acme", "quay.io/acme/*", "docker.io/acme-*"},
			yes:     []string{"ghcr.io/acme/web", "ghcr.io/acme/shop/web", "quay.io/acme/web:v1", "quay.io/acme/shop/web", "acme-eu/web"},
			no:      []string{"ghcr.io/acme-evil/web", "ghcr.io/web", "quay.io/acme", "acme/web", "evil.io/acme-eu/web"},
		},
		"DockerHub": {
			allowed: []string{"docker.io"},
			yes: []string{
				"nginx", "nginx:1", "library/nginx", "docker.io/nginx", "index.docker.io/acme/web", "registry-1.docker.io/library/nginx",
				"Docker.io/nginx", "INDEX.docker.io:443/nginx",
			},
			no: []string{"ghcr.io/nginx", "localhost/nginx"},
		},
		"Library": {
			allowed: []string{"docker.io/library/*"},
			yes:     []string{"nginx", "docker.io/nginx", "index.docker.io/nginx", "registry-1.docker.io:443/library/nginx", "Index.Docker.io/nginx"},
			no:      []string{"acme/web", "docker.io/acme/nginx"},
		},
		"DeniedGoesFirst": {
			allowed: []string{"*.example.com"},
			denied:  []string{"internal.example.com", "eu.example.com/secret"},
			yes:     []string{"eu.example.com/web", "eu.example.com/secrets"},
			no:      []string{"internal.example.com/web", "Internal.example.com:443/web", "eu.example.com/secret/web", "nginx"},
		},
		"Denied": {denied: []string{"*:5000", "docker.io"}, yes: []string{"ghcr.io/web"}, no: []string{"10.0.0.1:5000/web", "nginx"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := stranger(v1alpha1.OrganizationSpec{AllowedRegistries: tc.allowed, DeniedRegistries: tc.denied})
			for _, image := range tc.yes {
				if !AllowsRegistry(org, image) {
					t.Errorf("%s is refused", image)
				}
			}
			for _, image := range tc.no {
				if AllowsRegistry(org, image) {
					t.Errorf("%s is allowed", image)
				}
			}
		})
	}
}
