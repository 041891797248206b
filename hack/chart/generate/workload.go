package generate

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// podFields are what whoever installs the chart says of Pods in Kubernetes' own words, and what it is where the manifests say nothing.
var podFields = []struct {
	name, doc string
	schema    schema
	preset    any
}{
	{"nodeSelector", "Labels of the nodes that its Pods run on.", mapping, map[string]any{}},
	{"tolerations", "Taints of nodes that its Pods tolerate.", list(anything), []any{}},
	{"affinity", "What its Pods are near to, and far from.", anything, map[string]any{}},
	{"topologySpreadConstraints", "How its Pods are spread over nodes and zones.", list(anything), []any{}},
}

// secretive is the component that reads the Secrets of the chart.
const secretive = "facade"

// workload makes a template of a Deployment.
func (c *chart) workload(o *object) error {
	component := strings.TrimPrefix(o.GetName(), "berth-")
	for _, v := range workloadValues(component) {
		c.values.add(v)
	}
	spec, err := o.mapping("spec")
	if err != nil {
		return err
	}
	if err := c.preset(spec, "replicas", component, "How many Pods run.", count, 1); err != nil {
		return err
	}
	pod, err := o.mapping("spec.template.spec")
	if err != nil {
		return err
	}
	c.tokens.add(pod, `{{- with .Values.image.pullSecrets }}`, `imagePullSecrets:`, `{{- toYaml . | nindent $0 }}`, `{{- end }}`)
	for _, f := range podFields {
		if err := c.preset(pod, f.name, component, f.doc, f.schema, f.preset); err != nil {
			return err
		}
	}
	if err := c.podAnnotations(o, component); err != nil {
		return err
	}
	c.extend(pod, "volumes", component+".extraVolumes")
	return c.container(o, component)
}

// podAnnotations has Pods replaced when settings change, which they read once, and adds those of whoever installs the chart.
func (c *chart) podAnnotations(o *object, component string) error {
	annotations, err := o.Pipe(yaml.LookupCreate(yaml.MappingNode, "spec", "template", "metadata", "annotations"))
	if err != nil {
		return err
	}
	c.tokens.add(annotations.YNode(), `checksum/settings: {{ include "berth.settings" . | sha256sum }}`)
	if component == secretive {
		c.tokens.add(annotations.YNode(), `{{- with include "berth.secretsChecksum" . }}`, `checksum/secrets: {{ . }}`, `{{- end }}`)
	}
	c.tokens.add(annotations.YNode(), fmt.Sprintf(`{{- with .Values.%s.podAnnotations }}`, component), `{{- toYaml . | nindent $0 }}`, `{{- end }}`)
	return nil
}

func (c *chart) container(o *object, component string) error {
	container, err := o.mapping("spec.template.spec.containers.[name=" + component + "]")
	if err != nil {
		return err
	}
	c.tokens.set(field(container, "image"), fmt.Sprintf(`include "berth.image" (list . %q)`, component))
	if err := c.preset(container, "resources", component, "What its container asks for and may take.", anything, map[string]any{}); err != nil {
		return err
	}
	args := field(container, "args")
	if args == nil {
		return fmt.Errorf("the container %s has no args", component)
	}
	for _, v := range table {
		if v.component == component {
			c.tokens.add(args, v.flags...)
		}
	}
	c.extend(container, "args", component+".extraArgs")
	c.extend(container, "env", component+".extraEnv")
	c.extend(container, "envFrom", component+".extraEnvFrom")
	c.extend(container, "volumeMounts", component+".extraVolumeMounts")
	return nil
}

// extend puts a value that is a list at the end of a list of a Deployment, or in its place if there is none.
func (c *chart) extend(mapping *yaml.Node, name, path string) {
	path = ".Values." + path
	if at := field(mapping, name); at != nil {
		c.tokens.add(at, with(path, "")...)
		return
	}
	c.tokens.add(mapping, with(path, name)...)
}

// preset makes a field of a Deployment a value of the chart, which is what the manifest says unless it is set.
func (c *chart) preset(mapping *yaml.Node, name, component, doc string, s schema, otherwise any) error {
	v := value{path: component + "." + name, doc: doc, schema: s, preset: otherwise}
	if at := field(mapping, name); at != nil {
		if err := at.Decode(&v.preset); err != nil {
			return err
		}
	}
	c.values.add(v)
	path := ".Values." + v.path
	if s["type"] == "integer" {
		c.tokens.replace(mapping, name, fmt.Sprintf("%s: {{ %s }}", name, path))
		return nil
	}
	inner := "$2"
	if s["type"] == "array" {
		inner = "$0"
	}
	c.tokens.replace(mapping, name, "{{- with "+path+" }}", name+":", "  {{- toYaml . | nindent "+inner+" }}", "{{- end }}")
	return nil
}
