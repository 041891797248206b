package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// kubernetesTypes are types of Kubernetes' own, by the fields that have them: the page links them instead of repeating what Kubernetes says.
var kubernetesTypes = map[string]string{
	"spec.resources":      kubernetesType("ResourceRequirements", "core"),
	"spec.readinessProbe": kubernetesType("Probe", "core"),
	"spec.livenessProbe":  kubernetesType("Probe", "core"),
	"spec.startupProbe":   kubernetesType("Probe", "core"),
	"status.conditions":   "list of " + kubernetesType("Condition", "meta"),
}

func kubernetesType(name, group string) string {
	const reference = "https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/"
	return fmt.Sprintf("[%s](%s#%s-v1-%s)", name, reference, strings.ToLower(name), group)
}

// apiPage describes the fields of each kind, and the names that they and their objects have.
func apiPage(root string) (string, error) {
	m := newPage("API reference", "api/v1alpha1")
	m.para("The custom resources of `berth.dev/v1alpha1`, field by field, as `kubectl explain` shows them. What they are for is said in " +
		"[App](../app.md) and [Domain](../domain.md).")
	for _, file := range []string{"berth.dev_apps.yaml", "berth.dev_domains.yaml", "berth.dev_hostclaims.yaml", "berth.dev_organizations.yaml"} {
		content, err := os.ReadFile(filepath.Join(root, "config", "crd", file)) //nolint:gosec // The checkout's own.
		if err != nil {
			return "", err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		m.kind(&crd)
	}
	if err := m.constants(filepath.Join(root, "api", "v1alpha1")); err != nil {
		return "", err
	}
	return m.String(), nil
}

func (m *markdown) kind(crd *apiextensionsv1.CustomResourceDefinition) {
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	m.para("## " + crd.Spec.Names.Kind)
	m.para(paragraphs(schema.Description)...)
	m.para(limits(schema))
	for _, part := range []string{"spec", "status"} {
		m.para(fmt.Sprintf("### %s %s", crd.Spec.Names.Kind, part))
		properties := schema.Properties[part]
		m.para(limits(&properties))
		m.table([]string{"field", "type", "meaning"}, fields(part, &properties))
	}
}

// fields are rows for all that lies below a path.
func fields(path string, parent *apiextensionsv1.JSONSchemaProps) [][]string {
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(parent.Properties)) {
		schema := parent.Properties[name]
		at := path + "." + name
		field := code(strings.TrimPrefix(strings.TrimPrefix(at, "spec."), "status."))
		if slices.Contains(parent.Required, name) {
			field += ", required"
		}
		foreign, isForeign := kubernetesTypes[at]
		if isForeign {
			rows = append(rows, []string{field, foreign, prose(schema.Description)})
			continue
		}
		rows = append(rows, []string{field, typeName(&schema), strings.TrimSuffix(prose(schema.Description)+"<br>"+limits(&schema), "<br>")})
		if schema.Items != nil {
			at, schema = at+"[]", *schema.Items.Schema
		}
		rows = append(rows, fields(at, &schema)...)
	}
	return rows
}

func typeName(schema *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case schema.Type == "array":
		return "list of " + typeName(schema.Items.Schema) + "s"
	case len(schema.Enum) > 0:
		var values []string
		for _, value := range schema.Enum {
			values = append(values, code(strings.Trim(string(value.Raw), `"`)))
		}
		return strings.Join(values, ", ")
	case schema.Format == "date-time":
		return "time"
	}
	return schema.Type
}

// limits says what the API server accepts, beyond the type.
func limits(schema *apiextensionsv1.JSONSchemaProps) string {
	all := []string{
		between(schema.MinLength, schema.MaxLength, "characters"),
		between(schema.MinItems, schema.MaxItems, "entries"),
		between(schema.Minimum, schema.Maximum, ""),
	}
	if schema.Pattern != "" {
		all = append(all, "matches `"+schema.Pattern+"`")
	}
	for _, rule := range schema.XValidations {
		all = append(all, prose(rule.Message))
	}
	return strings.Join(slices.DeleteFunc(all, func(limit string) bool { return limit == "" }), "; ")
}
