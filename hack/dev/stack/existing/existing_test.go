package existing

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

// look finds what the cluster has, where the programs are in PATH.
func look(t *testing.T, c client.Client, context string, given Settings, programs ...string) (Settings, error) {
	t.Helper()
	has := func(name string) bool { return slices.Contains(programs, name) }
	return Find(t.Context(), Cluster{Client: c, Context: context, Kubeconfig: "/k", HasProgram: has}, given)
}

// all returns objects of several kinds.
func all(objects ...any) []client.Object {
	var flat []client.Object
	for _, o := range objects {
		switch o := o.(type) {
		case client.Object:
			flat = append(flat, o)
		case []client.Object:
			flat = append(flat, o...)
		}
	}
	return flat
}

func pushed(host string) Registry { return Registry{Push: host, Pull: host} }

// The tests share one API server, so they run one after the other.
func TestFind(t *testing.T) { //nolint:paralleltest // See above.
	for name, tc := range map[string]struct {
		reason  string
		objects []client.Object
		context string
		path    []string
		given   Settings
		want    Settings
	}{
		"OneOfEach": {
			reason:  "there is nothing to choose",
			objects: all(class("nginx"), controller("nginx", "ingress-nginx"), issuer("ca", true), documented("host: localhost:5001\n")),
			want: Settings{
				IngressClass: "nginx", RouterNamespace: "ingress-nginx", Issuer: "ca",
				Registry: Registry{Push: "localhost:5001", Pull: "localhost:5001", Documented: true},
			},
		},
		"Default": {
			reason: "the default class goes before others, the ready issuer before one that is not, and administrators route nothing",
			objects: all(class("nginx"), defaultClass("traefik"), controller("traefik", "kube-system"), administrator("flux-system"), issuer("ca", true),
				issuer("broken", false)),
			given: Settings{Registry: pushed("registry.example.com/berth")},
			want: Settings{
				IngressClass: "traefik", RouterNamespace: "kube-system", Issuer: "ca", Registry: pushed("registry.example.com/berth"),
			},
		},
		"ReleaseNamespace": {
			reason:  "of several ingress controllers, the one that Helm has installed with the class",
			objects: all(class("a", releaseNamespace, "edge"), controller("a", "edge"), controller("b", "other"), issuer("ca", true)),
			given:   Settings{Registry: pushed("r")},
			want:    Settings{IngressClass: "a", RouterNamespace: "edge", Issuer: "ca", Registry: pushed("r")},
		},
		"Given": {
			reason: "what is given wins",
			objects: all(defaultClass("traefik"), class("nginx"), controller("traefik", "traefik"), issuer("ca", true), issuer("other", false),
				documented("host: localhost:5001\n"), nodes("kind://docker/dev/dev-control-plane")),
			context: "kind-dev", path: []string{"kind"},
			given: Settings{IngressClass: "nginx", RouterNetwork: "10.0.0.0/16", Issuer: "other", Registry: pushed("r:5000/x")},
			want:  Settings{IngressClass: "nginx", RouterNetwork: "10.0.0.0/16", Issuer: "other", Registry: pushed("r:5000/x")},
		},
		"k3dRegistry": {
			reason: "this machine, the nodes and Pods know the registry by other names, and it goes before loading images",
			objects: all(class("traefik"), controller("traefik", "kube-system"), issuer("ca", true), nodes("k3s://k3d-dev-server-0"),
				documented("host: 0.0.0.0:41234\nhostFromContainerRuntime: k3d-reg:5000\nhostFromClusterNetwork: http://k3d-reg:5000/\nhelp: https://k3d.io\n")),
			context: "k3d-dev", path: []string{"k3d"},
			want: Settings{
				IngressClass: "traefik", RouterNamespace: "kube-system", Issuer: "ca",
				Registry: Registry{Push: "0.0.0.0:41234", Pull: "k3d-reg:5000", Documented: true, InCluster: "k3d-reg:5000"},
			},
		},
		"kind": {
			reason: "images are loaded into all nodes of a cluster whose name has hyphens",
			objects: all(class("nginx"), controller("nginx", "ingress-nginx"), issuer("ca", true),
				nodes("kind://podman/my-dev/my-dev-control-plane", "kind://podman/my-dev/my-dev-worker")),
			context: "kind-my-dev", path: []string{"kind"},
			want: Settings{
				IngressClass: "nginx", RouterNamespace: "ingress-nginx", Issuer: "ca", Loader: &Loader{Tool: "kind", Cluster: "my-dev", Runtime: "podman"},
			},
		},
		"k3d": {
			reason: "the same, without a registry",
			objects: all(class("traefik"), controller("traefik", "kube-system"), issuer("ca", true),
				nodes("k3s://k3d-dev-server-0", "k3s://k3d-dev-agent-0")),
			context: "k3d-dev", path: []string{"k3d"},
			want: Settings{
				IngressClass: "traefik", RouterNamespace: "kube-system", Issuer: "ca", Loader: &Loader{Tool: "k3d", Cluster: "dev"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := api(t, testenv.Config())
			create(t, c, tc.objects...)
			got, err := look(t, c, tc.context, tc.given, tc.path...)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
