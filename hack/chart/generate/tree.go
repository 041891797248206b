package generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// tree is the values of the chart: a group of values and groups, in the order in which they were added, or one value.
type tree struct {
	name     string
	children []*tree
	value    *value // Nil for a group.
}

// add puts a value in its place.
func (t *tree) add(v value) {
	at := t
	for part := range strings.SplitSeq(v.path, ".") {
		i := slices.IndexFunc(at.children, func(c *tree) bool { return c.name == part })
		if i < 0 {
			i = len(at.children)
			at.children = append(at.children, &tree{name: part})
		}
		at = at.children[i]
	}
	if v.schema != nil {
		at.value = &v
	}
}

// each calls a function for each value.
func (t *tree) each(do func(*value)) {
	if t.value != nil {
		do(t.value)
	}
	for _, c := range t.children {
		c.each(do)
	}
}

// valuesFile is values.yaml. Required values stand there as comments, so that it is seen whether they were given.
func (t *tree) valuesFile() (string, error) {
	var b strings.Builder
	b.WriteString("# The values of the chart. Written by `make generate`; see hack/chart.\n")
	for _, c := range t.children {
		b.WriteString("\n")
		if err := c.write(&b, c.name, 0); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (t *tree) write(b *strings.Builder, path string, column int) error {
	margin := strings.Repeat(" ", column)
	if t.value == nil {
		comment(b, margin, groups[path])
		fmt.Fprintf(b, "%s%s:\n", margin, t.name)
		for _, c := range t.children {
			if err := c.write(b, path+"."+c.name, column+2); err != nil {
				return err
			}
		}
		return nil
	}
	comment(b, margin, t.value.doc)
	data, err := yaml.Marshal(map[string]any{t.name: t.value.preset})
	if err != nil {
		return err
	}
	if t.value.required {
		margin += "# "
	}
	for line := range strings.Lines(string(data)) {
		b.WriteString(margin + line)
	}
	return nil
}

// comment writes a text as lines of at most 120 characters.
func comment(b *strings.Builder, margin, text string) {
	line := margin + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 120 {
			b.WriteString(line + "\n")
			line = margin + "#"
		}
		line += " " + word
	}
	if text != "" {
		b.WriteString(line + "\n")
	}
}

// schemaFile is values.schema.json. It refuses what the chart does not know.
func (t *tree) schemaFile() (string, error) {
	// Helm gives `global` to a chart that is part of another one.
	root := t.group("", schema{"global": anything})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(root)
	return b.String(), err
}

// schema is that of what is at a path.
func (t *tree) schema(path string) schema {
	if t.value == nil {
		return t.group(path, schema{})
	}
	out := maps.Clone(t.value.schema)
	out["description"] = t.value.doc
	return out
}

// group is the schema of a group, which has the given properties beside its own.
func (t *tree) group(path string, properties schema) schema {
	for _, c := range t.children {
		properties[c.name] = c.schema(strings.TrimPrefix(path+"."+c.name, "."))
	}
	out := schema{"type": "object", "properties": properties, "additionalProperties": false}
	maps.Copy(out, rules[path])
	return out
}

// markdown is a table of the values.
func (t *tree) markdown() (string, error) {
	b := strings.Builder{}
	b.WriteString("| value | default | |\n| --- | --- | --- |\n")
	var err error
	t.each(func(v *value) {
		preset, marshalErr := json.Marshal(v.preset)
		if marshalErr != nil {
			err = marshalErr
		}
		shown := "`" + string(preset) + "`"
		if v.required {
			shown = "required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.path, shown, strings.ReplaceAll(v.doc, "|", `\|`))
	})
	return b.String(), err
}

// tableMarks are around the table of values in the chart's README.
const (
	tableBegin = "<!-- values: written by make generate -->\n"
	tableEnd   = "<!-- end of the values -->\n"
)

// readme is the README with its table of values as they are now.
func (t *tree) readme(text string) (string, error) {
	before, rest, ok := strings.Cut(text, tableBegin)
	_, after, found := strings.Cut(rest, tableEnd)
	if !ok || !found {
		return "", errors.New("there is no place for the table of values")
	}
	table, err := t.markdown()
	return before + tableBegin + "\n" + table + "\n" + tableEnd + after, err
}
