package existing

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Loader loads images into the nodes of a cluster that kind or k3d has made.
type Loader struct {
	// Tool is kind or k3d.
	Tool string
	// Cluster is the tool's name of the cluster.
	Cluster string
	// Runtime is the container runtime that kind runs the nodes by: docker, podman, nerdctl.
	Runtime string
}

// runtimeVariable tells kind the container runtime, if it is not docker.
const runtimeVariable = "KIND_EXPERIMENTAL_PROVIDER"

// Command returns the command that loads the images of an archive.
func (l *Loader) Command(ctx context.Context, archive string) *exec.Cmd {
	if l.Tool == "k3d" {
		// Only the direct mode ends with an error if a node takes no image.
		return exec.CommandContext(ctx, "k3d", "image", "import", "--mode", "direct", "--cluster", l.Cluster, archive) //nolint:gosec // The cluster's name.
	}
	cmd := exec.CommandContext(ctx, "kind", "load", "image-archive", "--name", l.Cluster, archive) //nolint:gosec // The same.
	if l.Runtime != "" && os.Getenv(runtimeVariable) == "" {
		cmd.Env = append(os.Environ(), runtimeVariable+"="+l.Runtime)
	}
	return cmd
}

// installs are the commands that install the tools.
var installs = map[string]string{
	"kind": "go install sigs.k8s.io/kind@latest",
	"k3d":  "go install github.com/k3d-io/k3d/v5@latest",
}

// findLoader takes kind or k3d if the context is named like one of theirs and the nodes are theirs, too.
func (f *finder) findLoader(ctx context.Context) error {
	tool, cluster, _ := strings.Cut(f.Context, "-")
	if installs[tool] == "" || cluster == "" {
		f.noRegistry("")
		return nil
	}
	nodes, err := f.nodes(ctx)
	if err != nil {
		return err
	}
	loader, ok := loaderOf(tool, cluster, nodes)
	if !ok {
		f.noRegistry("The context " + f.Context + " is named like one of " + tool + ", but its nodes are not those of a " + tool + " cluster " + cluster + ".")
		return nil
	}
	if !f.HasProgram(tool) {
		f.problem("The cluster is one of "+tool+", and documents no registry. Images are loaded by the command "+tool+", which is not in PATH: install it, "+
			"or name a registry by REGISTRY=HOST[:PORT][/REPOSITORY].", installs[tool])
		return nil
	}
	f.settings.Loader = loader
	return nil
}

// loaderOf returns how images are loaded into a tool's cluster, unless a node is not of that cluster. Nodes of kind have provider IDs such as
// kind://docker/CLUSTER/NODE, those of k3d k3s://k3d-CLUSTER-server-0.
func loaderOf(tool, cluster string, nodes []corev1.Node) (*Loader, bool) {
	loader := &Loader{Tool: tool, Cluster: cluster}
	foreign := func(node corev1.Node) bool {
		id := node.Spec.ProviderID
		if tool == "k3d" {
			node, ok := strings.CutPrefix(id, "k3s://k3d-"+cluster+"-")
			return !ok || !strings.HasPrefix(node, "server-") && !strings.HasPrefix(node, "agent-")
		}
		rest, ok := strings.CutPrefix(id, "kind://")
		runtime, name, _ := strings.Cut(rest, "/")
		loader.Runtime = runtime
		return !ok || !strings.HasPrefix(name, cluster+"/")
	}
	return loader, len(nodes) > 0 && !slices.ContainsFunc(nodes, foreign)
}
