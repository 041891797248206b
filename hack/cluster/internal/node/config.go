package node

import (
	"embed"
	"os"
	"path/filepath"
	"text/template"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/component"
)

//go:embed config
var configFiles embed.FS

var templates = template.Must(template.ParseFS(configFiles, "config/*"))

// Paths that the node's programs know each other by. They lie in namespaces of the cluster's own.
const (
	containerdSocket = "/run/containerd/containerd.sock"
	kubeletRoot      = "/var/lib/kubelet"
)

// values fill the templates of the configuration.
type values struct {
	Dir                       string
	Node, NodeName, Domain    string
	Identity                  string
	Pods, NodePods            string
	Registry                  string
	Containerd, Runc, CNI     string
	PauseImage                string
	CA, Cert, Key, Kubeconfig string
}

func (n *Node) values(kubeconfig string) values {
	return values{
		Dir:  n.dir,
		Node: address.Node, NodeName: address.NodeName, Identity: address.Identity, Domain: address.Domain,
		Pods: address.Pods, NodePods: address.NodePods,
		Registry:   address.Registry,
		Containerd: containerdSocket,
		Runc:       filepath.Join(n.programs[component.Node], "runc"),
		CNI:        filepath.Join(n.programs[component.Node], "cni"),
		PauseImage: component.PauseImage,
		CA:         n.authority.File(),
		Cert:       filepath.Join(n.pki, address.NodeName+".crt"),
		Key:        filepath.Join(n.pki, address.NodeName+".key"),
		Kubeconfig: kubeconfig,
	}
}

// write fills the template name into the file to, relative to the node's folder, and returns its path.
func (n *Node) write(name, to string, v values) (file string, err error) {
	file = filepath.Join(n.dir, to)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return file, templates.ExecuteTemplate(f, name, v)
}
