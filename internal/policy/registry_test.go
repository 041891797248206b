package policy

import (
	"testing"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
)

func TestAllowsRegistry(t *testing.T) {
	t.Parallel()
	registries := Registries{}
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	cases := map[string]struct {
		allowed, denied []string
		yes, no         []string
	}{
		"Default": {yes: []string{"nginx", "ghcr.io/acme/web:v1", "registry.example.com:5000/x"}, no: []string{"localhost:5000/x"}},
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
		"Denied": {denied: []string{"*:5000", "docker.io"}, yes: []string{"ghcr.io/web"}, no: []string{"registry.example.com:5000/web", "nginx"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := stranger(v1alpha1.OrganizationSpec{AllowedRegistries: tc.allowed, DeniedRegistries: tc.denied})
			for _, image := range tc.yes {
				if !registries.Allows(org, image) {
					t.Errorf("%s is refused", image)
				}
			}
			for _, image := range tc.no {
				if registries.Allows(org, image) {
					t.Errorf("%s is allowed", image)
				}
			}
		})
	}
}

// A node connects to a registry from its own network, where strangers have nothing to look for.
func TestInternalRegistries(t *testing.T) {
	t.Parallel()
	internal := []string{
		"10.0.0.5:6443/x:y", "127.0.0.1:5000/x", "169.254.169.254/latest/meta-data", "8.8.8.8/x", "127.1:10248/x", "2130706433:80/x", "0x7f.1:80/x",
		"0x7f000001:80/x", "10.0.0.5:443/x", "localhost/x", "localhost:10248/x", "LOCALHOST:5000/x", "Localhost/x", "x.localhost:5000/x", "registry:5000/x",
		"REGISTRY/x", "registry.kube-system:5000/x", "registry.kube-system.svc/x", "registry.kube-system.svc.cluster.local:5000/x",
		"Registry.Kube-System.SVC.Cluster.Local/x", "10-0-0-5.default.pod.cluster.local/x", "registry.default.svc.corp.example.com/x", "registry.local/x",
		"metadata.google.internal/x", "host.docker.internal:5000/x", "ip-10-0-0-5.ec2.internal/x", "registry.lan/x", "registry.home.arpa/x", "a..b/x", "a.-b.com/x",
	}
	public := []string{"nginx", "acme/web", "ghcr.io/acme/web", "registry.example.com:5000/web", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", "quay.io/x"}
	registries := Registries{Hosts: host.Rules{ClusterDomain: "corp.example.com"}}
	want := func(t *testing.T, r Registries, spec v1alpha1.OrganizationSpec, allowed bool, images ...string) {
		t.Helper()
		for _, image := range images {
			if got := r.Allows(stranger(spec), image); got != allowed {
				t.Errorf("%s is allowed: %t, want %t", image, got, allowed)
			}
		}
	}
	want(t, registries, v1alpha1.OrganizationSpec{}, false, internal...)
	want(t, registries, v1alpha1.OrganizationSpec{}, true, public...)
	want(t, registries, v1alpha1.OrganizationSpec{Trusted: new(true)}, true, append(internal, public...)...)
	want(t, registries, v1alpha1.OrganizationSpec{Trusted: new(false)}, false, internal...)
	wild := v1alpha1.OrganizationSpec{AllowedRegistries: []string{"*", "*.svc", "10.0.0.*:6443", "*:5000"}}
	want(t, registries, wild, false, internal...)
	named := v1alpha1.OrganizationSpec{AllowedRegistries: []string{"10.0.0.5:6443", "localhost:10248", "registry.lan/*"}}
	want(t, registries, named, true, "10.0.0.5:6443/x:y", "localhost:10248/x", "LOCALHOST:10248/x", "registry.lan/x")
	want(t, registries, named, false, "10.0.0.5/x", "10.0.0.5:6444/x", "10.0.0.6:6443/x", "localhost/x", "ghcr.io/x")

	registries.Internal = []string{"127.0.0.1:5000", "registry.kube-system.svc/berth"}
	want(t, registries, v1alpha1.OrganizationSpec{}, true, "127.0.0.1:5000/x", "registry.kube-system.svc:443/berth/x", "nginx")
	want(t, registries, v1alpha1.OrganizationSpec{}, false, "127.0.0.1:5001/x", "registry.kube-system.svc/x")
	want(t, registries, v1alpha1.OrganizationSpec{AllowedRegistries: []string{"ghcr.io"}}, false, "127.0.0.1:5000/x")
	want(t, registries, v1alpha1.OrganizationSpec{DeniedRegistries: []string{"127.0.0.1:5000"}}, false, "127.0.0.1:5000/x")
	want(t, registries, v1alpha1.OrganizationSpec{Trusted: new(true), DeniedRegistries: []string{"127.0.0.1:5000"}}, false, "127.0.0.1:5000/x")
}

func TestParseRegistry(t *testing.T) {
	t.Parallel()
	for text, valid := range map[string]bool{
		"10.1.2.3:5000": true, "registry.lan/team/*": true, "localhost": true, "": false, "http://registry.lan": false, "Registry.lan": false, "a b": false,
		"registry.lan:": false,
	} {
		if got, err := ParseRegistry(text); err == nil != valid || err == nil && got != text {
			t.Errorf("ParseRegistry(%q): %q, %v", text, got, err)
		}
	}
}
