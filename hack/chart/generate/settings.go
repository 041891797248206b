package generate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// settings makes a template of the ConfigMap of settings, whose text has a name of its own, for its checksum. A setting that no value sets is
// what the manifests say.
func (c *chart) settings(o *object) error {
	data := o.GetDataMap()
	lines := map[string][]string{}
	for key, text := range data {
		lines[key] = []string{fmt.Sprintf("%s: %s", key, escape(strconv.Quote(text)))}
	}
	for _, v := range table {
		if v.setting == "" {
			continue
		}
		if _, ok := data[v.setting]; ok {
			lines[v.setting] = []string{fmt.Sprintf("%s: {{ %s | quote }}", v.setting, v.text())}
		} else { // Commands look for it in their environment, where it need not be.
			lines[v.setting] = []string{"{{- if .Values." + v.path + " }}", fmt.Sprintf("%s: {{ %s | quote }}", v.setting, v.text()), "{{- end }}"}
		}
	}
	var b strings.Builder
	b.WriteString("{{- define \"berth.settings\" }}\n")
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(strings.Join(lines[key], "\n") + "\n")
	}
	b.WriteString("{{- end }}\n")
	c.files["_settings.tpl"] = b.String()
	node := field(o.YNode(), "data")
	node.Content = nil
	c.tokens.add(node, `{{- include "berth.settings" . | trim | nindent $0 }}`)
	return nil
}

// text is the expression of a value as the text of a setting.
func (v *value) text() string {
	path := ".Values." + v.path
	switch {
	case v.expression != "":
		return v.expression
	case v.schema["type"] == "array":
		return path + ` | join ","`
	case v.schema["type"] == "integer":
		return path + " | int"
	}
	return path
}

// fromSetting is what a setting of the manifests is as a value.
func (v *value) fromSetting(text string) (any, error) {
	switch v.schema["type"] {
	case "array":
		return strings.FieldsFunc(text, func(r rune) bool { return r == ',' }), nil
	case "integer", "number", "boolean":
		var out any
		err := yaml.Unmarshal([]byte(text), &out)
		return out, err
	}
	return text, nil
}
