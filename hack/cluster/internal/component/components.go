package component

import (
	"maps"
	"slices"
	"strings"
)

// The names of the components.
const (
	Kube        = "kube"
	Node        = "node"
	CertManager = "certmanager"
	CoreDNS     = "coredns"
	NetPol      = "netpol"
	Traefik     = "traefik"
	Pebble      = "pebble"
	Mailbox     = "mailbox"
	Dex         = "dex"
	Flux        = "flux"
)

// The images that are imported into a node before anything can be pulled.
const (
	// PauseImage holds a pod's namespaces open.
	PauseImage = "localhost/pause:built"
	// SolverImage answers ACME HTTP-01 challenges.
	SolverImage = "localhost/acmesolver:built"
)

// kube is etcd, the control plane, the node's agents and kubectl in one binary.
func kube() Component {
	const kubernetes = "k8s.io/kubernetes"
	var stamps []Stamp
	// Unstamped, the servers call themselves v0.0.0-master and clients refuse them.
	for _, pkg := range []string{"k8s.io/client-go/pkg/version", "k8s.io/component-base/version"} {
		stamps = append(stamps,
			Stamp{Variable: pkg + ".gitVersion", Module: kubernetes},
			Stamp{Variable: pkg + ".gitMajor", Module: kubernetes, Part: major},
			Stamp{Variable: pkg + ".gitMinor", Module: kubernetes, Part: minor},
			Stamp{Variable: pkg + ".gitTreeState", Module: kubernetes, Part: constant("clean")},
			Stamp{Variable: pkg + ".gitCommit", Module: kubernetes, Part: constant("module")},
		)
	}
	links := map[string]string{}
	for _, n := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"} {
		links[n] = "kube"
	}
	return Component{
		Name:    Kube,
		Dir:     ".",
		Sources: []string{"cmd/kube"},
		Builds:  []Build{{Packages: []string{"./cmd/kube"}, Stamps: stamps}},
		Links:   links,
	}
}

// node is what runs containers: containerd, its shim and client, runc, the network plugins, and the
// program that holds a pod's namespaces.
func node() Component {
	const (
		containerd = "github.com/containerd/containerd/v2"
		plugins    = "github.com/containernetworking/plugins/plugins"
		runc       = "github.com/opencontainers/runc"
	)
	return Component{
		Name:     Node,
		Dir:      "components/node",
		Sources:  []string{"pause"},
		NodeOnly: true,
		Needs:    []string{"gcc", "libc6-dev", "libseccomp-dev", "pkg-config"},
		Builds: []Build{
			{
				Packages: []string{containerd + "/cmd/containerd", containerd + "/cmd/containerd-shim-runc-v2", containerd + "/cmd/ctr"},
				Tags:     []string{"no_btrfs", "no_zfs", "no_devmapper", "urfave_cli_no_docs"},
				Stamps:   []Stamp{{Variable: containerd + "/version.Version", Module: containerd}},
			},
			{
				Packages: []string{plugins + "/ipam/host-local", plugins + "/main/loopback", plugins + "/main/ptp", plugins + "/meta/portmap"},
				To:       "cni",
			},
			{
				// runc sets up namespaces in C before Go starts, and filters system calls with libseccomp.
				Packages: []string{runc},
				Tags:     []string{"seccomp", "netgo", "osusergo", "urfave_cli_no_docs"},
				Cgo:      true,
				Stamps:   []Stamp{{Variable: "main.version", Module: runc}},
			},
			{Packages: []string{"./pause"}},
		},
		Images: map[string]Image{"images/pause.tar": {Ref: PauseImage, Program: "pause"}},
	}
}

// certManager is cert-manager's controller, CA injector and ACME solver, and its CRDs.
func certManager() Component {
	return Component{
		Name:    CertManager,
		Dir:     "components/certmanager",
		Sources: []string{"certmanager", "acmesolver"},
		Builds:  []Build{{Packages: []string{"./certmanager", "./acmesolver"}}},
		Copies:  map[string]ModuleFiles{"crds": {Module: "github.com/cert-manager/cert-manager", Dir: "deploy/crds"}},
		Images:  map[string]Image{"images/acmesolver.tar": {Ref: SolverImage, Program: "acmesolver"}},
	}
}

// coreDNS is the DNS server of the pods and of the node's own programs.
func coreDNS() Component {
	return Component{
		Name:     CoreDNS,
		Dir:      "components/coredns",
		Sources:  []string{"."},
		NodeOnly: true,
		Builds:   []Build{{Packages: []string{"."}}},
	}
}

// netPol keeps the node to the cluster's NetworkPolicies.
func netPol() Component {
	return Component{
		Name:     NetPol,
		Dir:      "components/netpol",
		Sources:  []string{"."},
		NodeOnly: true,
		Builds:   []Build{{Packages: []string{"."}}},
	}
}

// traefik is the ingress controller, without the clouds that it would ask for certificates and routes: their SDKs are two thirds of what there is to
// compile.
func traefik() Component {
	const module = "github.com/traefik/traefik/v3"
	stubs := map[string]string{"github.com/go-acme/lego/v4/providers/dns": "stubs/dns", module + "/pkg/provider/ecs": "stubs/ecs"}
	return Component{
		Name:    Traefik,
		Dir:     "components/traefik",
		Sources: slices.Sorted(maps.Values(stubs)),
		Stubs:   stubs,
		Builds: []Build{{
			Packages: []string{module + "/cmd/traefik"},
			Stamps:   []Stamp{{Variable: module + "/pkg/version.Version", Module: module, Part: plain}},
		}},
	}
}

// pebble is the ACME server.
func pebble() Component {
	const module = "github.com/letsencrypt/pebble/v2"
	return Component{
		Name:     Pebble,
		Dir:      "components/pebble",
		NodeOnly: true,
		Builds:   []Build{{Packages: []string{module + "/cmd/pebble"}, Stamps: []Stamp{{Variable: "main.version", Module: module}}}},
	}
}

// mailbox is the mail server.
func mailbox() Component {
	return Component{
		Name:    Mailbox,
		Dir:     "components/mailbox",
		Sources: []string{"."},
		Builds:  []Build{{Packages: []string{"."}}},
	}
}

// dex is the identity provider.
func dex() Component {
	return Component{
		Name:    Dex,
		Dir:     "components/dex",
		Sources: []string{"."},
		Builds:  []Build{{Packages: []string{"."}}},
	}
}

// flux is Flux's kustomize-controller, the sources that it takes its files from, and Flux's CRDs.
func flux() Component {
	const controller, source = "github.com/fluxcd/kustomize-controller", "github.com/fluxcd/source-controller"
	return Component{
		Name:     Flux,
		Dir:      "components/flux",
		Sources:  []string{"source"},
		Optional: true,
		Builds:   []Build{{Packages: []string{controller, "./source"}}},
		Copies: map[string]ModuleFiles{
			"crds/kustomize": {Module: controller, Dir: "config/crd/bases"},
			"crds/source":    {Module: source, Dir: "config/crd/bases"},
		},
	}
}

func plain(version string) string { return strings.TrimPrefix(version, "v") }

func major(version string) string {
	m, _, _ := strings.Cut(plain(version), ".")
	return m
}

func minor(version string) string {
	_, rest, _ := strings.Cut(plain(version), ".")
	m, _, _ := strings.Cut(rest, ".")
	return m
}

func constant(s string) func(string) string { return func(string) string { return s } }
