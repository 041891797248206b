package generate

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/berth-dev/berth/config/manifests"
)

// addons are the kustomize components below config that the chart has as options.
var addons = []string{"prometheus"}

// object is one object of the manifests, on its way to be a template.
type object struct {
	*yaml.RNode

	// condition is the value that the object depends on, such as .Values.crds.install; empty: it is always there.
	condition string
}

// render builds config/default with all components, of the checkout at root. The names of generated objects have no hashes.
func render(root string) (objects []*object, err error) {
	var overlay strings.Builder
	overlay.WriteString("resources: [CONFIG/default]\ncomponents:\n")
	for _, name := range addons {
		if hasAddon(root, name) {
			overlay.WriteString("- CONFIG/" + name + "\n")
		}
	}
	built, err := manifests.Build(filepath.Join(root, "config"), overlay.String())
	if err != nil {
		return nil, err
	}
	for _, r := range built.Resources() {
		objects = append(objects, &object{RNode: r.Copy()})
	}
	stripHashes(objects)
	return objects, nil
}

// hash is what kustomize puts at the end of the names of ConfigMaps and Secrets that it makes.
var hash = regexp.MustCompile(`-[2456789bcdfghkmt]{10}$`)

// stripHashes gives generated objects names that stay, where they are named too. In the chart, a checksum has Pods replaced.
func stripHashes(objects []*object) {
	plain := map[string]string{}
	for _, o := range objects {
		if o.GetKind() == "ConfigMap" || o.GetKind() == "Secret" {
			plain[o.GetName()] = hash.ReplaceAllString(o.GetName(), "")
		}
	}
	for _, o := range objects {
		eachScalar(o.YNode(), func(n *yaml.Node) {
			if name, ok := plain[n.Value]; ok {
				n.Value = name
			}
		})
	}
}

func hasAddon(root, name string) bool {
	_, err := os.Stat(filepath.Join(root, "config", name))
	return err == nil
}

// eachScalar calls a function for each value below a node that is text or a number.
func eachScalar(n *yaml.Node, do func(*yaml.Node)) {
	switch n.Kind {
	case yaml.ScalarNode:
		do(n)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			eachScalar(n.Content[i], do)
		}
	default:
		for _, c := range n.Content {
			eachScalar(c, do)
		}
	}
}

// unfold writes each list and mapping below a node as lines, between which a template can have its own.
func unfold(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	for _, c := range n.Content {
		unfold(c)
	}
}

// at returns the node at a path, such as spec.template.spec; a part that is an index or [name=x] leads into a list. It is nil if there is none.
func (o *object) at(path string) (*yaml.Node, error) {
	found, err := o.Pipe(yaml.Lookup(strings.Split(path, ".")...))
	if err != nil || found == nil {
		return nil, err
	}
	return found.YNode(), nil
}

// field returns the value of a mapping's key; nil if there is none.
func field(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}
