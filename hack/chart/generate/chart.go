// Package generate makes the Helm chart out of the kustomize manifests. Each object of config/default becomes a template as it is, but for what
// the rules here and the table of values replace; whatever is added to the manifests so is part of the chart.
package generate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// namespaces are Berth's in the manifests, with the expressions of what they are in the chart.
var namespaces = map[string]*regexp.Regexp{
	".Release.Namespace":    regexp.MustCompile(`\bberth-system\b`),
	".Values.keysNamespace": regexp.MustCompile(`\bberth-keys\b`),
}

// folder is where the templates are that are generated; others lie beside it.
const folder = "templates/generated"

// chart is what is generated.
type chart struct {
	tokens *tokens
	values *tree
	// files are the generated templates, by name.
	files map[string]string
}

// Run generates the chart in the checkout at root.
func Run(root string) error {
	objects, err := render(root)
	if err != nil {
		return err
	}
	c := &chart{tokens: newTokens(), values: &tree{}, files: map[string]string{}}
	if err := c.addValues(root, objects); err != nil {
		return err
	}
	for _, o := range objects {
		if o.GetKind() == "Namespace" && o.GetName() == "berth-system" {
			continue // Whoever installs a release makes it.
		}
		if err := c.object(o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return c.write(filepath.Join(root, "config", "chart"))
}

// addValues adds the values of the table, with what the manifests say of those that are settings.
func (c *chart) addValues(root string, objects []*object) error {
	settings := map[string]string{}
	for _, o := range objects {
		if o.isSettings() {
			settings = o.GetDataMap()
		}
	}
	for _, v := range table {
		if v.addon != "" && !hasAddon(root, v.addon) {
			continue
		}
		if text, ok := settings[v.setting]; ok && v.preset == nil && !v.required {
			var err error
			if v.preset, err = v.fromSetting(text); err != nil {
				return fmt.Errorf("setting %s: %w", v.setting, err)
			}
		}
		c.values.add(v)
	}
	return nil
}

func (o *object) isSettings() bool { return o.GetKind() == "ConfigMap" && o.GetName() == "berth" }

// object makes a template of an object.
func (c *chart) object(o *object) error {
	name := strings.ToLower(o.GetKind()) + "-" + o.GetName() + ".yaml"
	if _, twice := c.files[name]; twice {
		return errors.New("there are two")
	}
	unfold(o.YNode())
	c.everywhere(o)
	for _, step := range []func(*object) error{c.labels, c.byKind, c.patch} {
		if err := step(o); err != nil {
			return err
		}
	}
	text, err := o.String()
	if err != nil {
		return err
	}
	if text, err = c.tokens.template(text); err != nil {
		return err
	}
	if o.condition != "" {
		text = "{{- if " + o.condition + " }}\n" + text + "{{- end }}\n"
	}
	c.files[name] = text
	return nil
}

// everywhere replaces what stands for something else wherever it is: the Namespaces, and the names of Secrets that the chart does not make.
func (c *chart) everywhere(o *object) {
	eachScalar(o.YNode(), func(n *yaml.Node) {
		if expression, ok := nameOf[n.Value]; ok {
			c.tokens.set(n, expression)
			return
		}
		for expression, name := range namespaces {
			if name.MatchString(n.Value) {
				n.Value = name.ReplaceAllLiteralString(n.Value, c.tokens.expression(expression))
			}
		}
	})
}

func (c *chart) labels(o *object) error {
	labels, err := o.Pipe(yaml.LookupCreate(yaml.MappingNode, "metadata", "labels"))
	if err != nil {
		return err
	}
	c.tokens.add(labels.YNode(), `{{- include "berth.labels" . | nindent $0 }}`)
	return nil
}

func (c *chart) byKind(o *object) error {
	for _, option := range options {
		if option.of(o) {
			o.condition = option.condition
		}
	}
	switch {
	case o.isSettings():
		return c.settings(o)
	case o.GetKind() == "Deployment":
		return c.workload(o)
	}
	return nil
}

// mapping is the mapping at a path of the object.
func (o *object) mapping(path string) (*yaml.Node, error) {
	n, err := o.at(path)
	if err == nil && (n == nil || n.Kind != yaml.MappingNode) {
		err = fmt.Errorf("there is no mapping at %s", path)
	}
	return n, err
}

// write replaces what is generated in the chart's folder.
func (c *chart) write(dir string) error {
	values, err := c.values.valuesFile()
	if err != nil {
		return err
	}
	schema, err := c.values.schemaFile()
	if err != nil {
		return err
	}
	before, err := os.ReadFile(filepath.Join(dir, "README.md")) //nolint:gosec // The caller's checkout.
	if err != nil {
		return err
	}
	readme, err := c.values.readme(string(before))
	if err != nil {
		return err
	}
	files := map[string]string{"values.yaml": values, "values.schema.json": schema, "README.md": readme}
	for name, text := range c.files {
		files[filepath.Join(folder, name)] = text
	}
	if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o750); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // Everybody may read it.
			return err
		}
	}
	return nil
}
