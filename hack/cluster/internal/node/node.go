// Package node turns a process in new namespaces into a Kubernetes node: it sets up mounts and network,
// and runs containerd, the kubelet, kube-proxy, the DNS server and what enforces NetworkPolicies.
package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// The API server's users of programs whose rights are in the addon package's manifests.
const (
	dnsUser    = "cluster:coredns"
	policyUser = "cluster:netpol"
)

// HostsFile is the file in the node's folder, in the form of hosts(5), with the names that the DNS server
// knows beside the cluster's own. A change is seen within a second.
const HostsFile = "hosts"

// Node is the one node of a cluster.
type Node struct {
	dir, pki, server string
	mirrors          []Mirror
	programs         map[string]string
	authority        *pki.Authority
	supervisor       *supervise.Supervisor
}

// Mirror is a registry under another name.
type Mirror struct {
	// Host is the host or host:port that images are named by.
	Host string
	// Registry is the host:port in the node's network where they are pulled over plain HTTP.
	Registry string
}

// Options say what a node is made of.
type Options struct {
	// Dir is the node's folder.
	Dir string
	// PKI is the folder of Authority, which signs all that the node's programs need.
	PKI       string
	Authority *pki.Authority
	// Server is the API server's URL.
	Server string
	// Mirrors are the registries that images are pulled from.
	Mirrors []Mirror
	// Programs are the folders of the components by their names.
	Programs map[string]string
	// Supervisor runs the programs.
	Supervisor *supervise.Supervisor
}

// SetUp prepares the namespaces of the calling process. It must come before anything else uses the network
// or the folders of the system. The folders in keep stay in reach.
func SetUp(dir string, keep []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(address.NodeName)); err != nil {
		return err
	}
	if err := setUpMounts(dir, keep); err != nil {
		return err
	}
	return setUpNetwork()
}

// New returns a node whose programs do not run yet.
func New(o Options) *Node {
	return &Node{
		dir: o.Dir, pki: o.PKI, server: o.Server, mirrors: o.Mirrors,
		programs: o.Programs, authority: o.Authority, supervisor: o.Supervisor,
	}
}

// StartRuntime runs containerd, and returns when it answers and has the images that pods need before
// anything can be pulled.
func (n *Node) StartRuntime(ctx context.Context) error {
	v := n.values("")
	config, err := n.write("containerd.toml", "containerd.toml", v)
	if err != nil {
		return err
	}
	if _, err := n.write("cni.conflist", "cni/10-cluster.conflist", v); err != nil {
		return err
	}
	if err := n.writeMirrors(v); err != nil {
		return err
	}
	bin := n.programs[component.Node]
	err = n.supervisor.Start(supervise.Program{
		Name: "containerd",
		Path: filepath.Join(bin, "containerd"),
		Args: []string{"--config", config},
		Env:  []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, // where it looks for its shim
	})
	if err != nil {
		return err
	}
	if err := waitSocket(ctx, containerdSocket); err != nil {
		return err
	}
	return n.importImages(ctx)
}

// writeMirrors tells containerd where images are.
func (n *Node) writeMirrors(v values) error {
	for _, m := range n.mirrors {
		v.Registry = m.Registry
		if _, err := n.write("hosts.toml", filepath.Join("registries", m.Host, "hosts.toml"), v); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) importImages(ctx context.Context) error {
	for _, name := range []string{component.Node, component.CertManager} {
		archives, err := filepath.Glob(filepath.Join(n.programs[name], "images", "*.tar"))
		if err != nil {
			return err
		}
		for _, a := range archives {
			ctr := filepath.Join(n.programs[component.Node], "ctr")
			out, err := exec.CommandContext(ctx, ctr, "--address", containerdSocket, "--namespace", "k8s.io", "images", "import", a).CombinedOutput()
			if err != nil {
				return fmt.Errorf("import %s: %w: %s", a, err, out)
			}
		}
	}
	return nil
}

// StartAgents runs the kubelet and kube-proxy, for an API server that is ready.
func (n *Node) StartAgents() error {
	if err := n.startKubelet(); err != nil {
		return err
	}
	return n.startProxy()
}

func (n *Node) startKubelet() error {
	kubeconfig, err := n.authority.Kubeconfig(address.NodeName, n.server, pki.Subject{
		User:   "system:node:" + address.NodeName,
		Groups: []string{"system:nodes"},
		Hosts:  []string{address.NodeName, address.Node, address.Loopback},
	})
	if err != nil {
		return err
	}
	config, err := n.write("kubelet.yaml", "kubelet.yaml", n.values(kubeconfig))
	if err != nil {
		return err
	}
	return n.supervisor.Start(supervise.Program{
		Name: "kubelet",
		Path: filepath.Join(n.programs[component.Kube], "kubelet"),
		Args: []string{
			"--config=" + config, "--kubeconfig=" + kubeconfig, "--root-dir=" + kubeletRoot,
			"--hostname-override=" + address.NodeName, "--node-ip=" + address.Node,
		},
	})
}

func (n *Node) startProxy() error {
	kubeconfig, err := n.authority.Kubeconfig("kube-proxy", n.server, pki.Subject{User: "system:kube-proxy"})
	if err != nil {
		return err
	}
	config, err := n.write("kube-proxy.yaml", "kube-proxy.yaml", n.values(kubeconfig))
	if err != nil {
		return err
	}
	return n.supervisor.Start(supervise.Program{
		Name: "kube-proxy",
		Path: filepath.Join(n.programs[component.Kube], "kube-proxy"),
		Args: []string{"--config=" + config},
	})
}

// StartDNS runs the DNS server, whose user must have its rights by now: it is slow to ask again.
func (n *Node) StartDNS() error {
	kubeconfig, err := n.authority.Kubeconfig("coredns", n.server, pki.Subject{User: dnsUser})
	if err != nil {
		return err
	}
	v := n.values(kubeconfig)
	if _, err := n.write("root.zone", "root.zone", v); err != nil {
		return err
	}
	if err := n.makeHosts(); err != nil {
		return err
	}
	config, err := n.write("Corefile", "Corefile", v)
	if err != nil {
		return err
	}
	return n.supervisor.Start(supervise.Program{
		Name: "coredns",
		Path: filepath.Join(n.programs[component.CoreDNS], "coredns"),
		Args: []string{"-conf", config},
	})
}

// StartPolicies runs what enforces NetworkPolicies, whose user must have its rights by now.
func (n *Node) StartPolicies() error {
	kubeconfig, err := n.authority.Kubeconfig("netpol", n.server, pki.Subject{User: policyUser})
	if err != nil {
		return err
	}
	return n.supervisor.Start(supervise.Program{
		Name: "netpol",
		Path: filepath.Join(n.programs[component.NetPol], "netpol"),
		Args: []string{"-kubeconfig=" + kubeconfig},
	})
}

// makeHosts makes the file of names that a person may add to, without touching one that is there.
func (n *Node) makeHosts() error {
	f, err := os.OpenFile(filepath.Join(n.dir, HostsFile), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// waitSocket returns when something listens on a Unix socket.
func waitSocket(ctx context.Context, path string) error {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", path, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
