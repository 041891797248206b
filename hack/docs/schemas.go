package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	"github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
)

// member is a field of a body.
type member struct {
	name     string
	required bool
	schema   *base.SchemaProxy
}

// described are the schemas that the page describes, in this order; what they are made of is described with their fields.
var described = []string{
	"App", "NewApp", "AppChange", "AppPage", "EnvVar", "EnvVarInput", "Logs",
	"Domain", "NewDomain", "DomainChange", "DomainPage", "Verification", "CSR", "Notice", "AppName", "Error",
}

// bodies describes what requests and answers carry.
func (m *markdown) bodies(contract *v3.Document) error {
	m.para("## Bodies")
	for _, name := range described {
		proxy, ok := contract.Components.Schemas.Get(name)
		if !ok {
			return fmt.Errorf("there is no schema %s", name)
		}
		m.para("### "+name, prose(proxy.Schema().Description))
		m.members(proxy)
		if err := m.example(exampleOf(contract, name)); err != nil {
			return err
		}
	}
	return nil
}

// members describes the fields of a schema. Those that it has from another schema of the page are described there.
func (m *markdown) members(proxy *base.SchemaProxy) {
	inherited := map[string]bool{}
	for _, part := range proxy.Schema().AllOf {
		if !part.IsReference() {
			continue
		}
		m.para("The fields of " + schemaType(part) + ", and:")
		for _, f := range membersOf(part) {
			inherited[f.name] = true
		}
	}
	var rows [][]string
	for _, f := range membersOf(proxy) {
		if inherited[f.name] && !f.required {
			continue
		}
		field := code(f.name)
		if f.required {
			field += ", required"
		}
		rows = append(rows, []string{field, schemaType(f.schema), meaning(f.schema, "")})
	}
	m.table([]string{"field", "type", "meaning"}, rows)
}

// exampleOf returns an answer that has a schema and an example of it, or nil.
func exampleOf(contract *v3.Document, name string) *v3.MediaType {
	for response := range contract.Components.Responses.ValuesFromOldest() {
		content := asJSON(response.Content)
		if content != nil && content.Example != nil && strings.HasSuffix(content.Schema.GetReference(), "/"+name) {
			return content
		}
	}
	return nil
}

// membersOf returns the fields of an object, those of its parts first.
func membersOf(proxy *base.SchemaProxy) []member {
	schema := proxy.Schema()
	var all []member
	for _, part := range schema.AllOf {
		all = append(all, membersOf(part)...)
	}
	for name, property := range schema.Properties.FromOldest() {
		all = append(all, member{name: name, schema: property})
	}
	// What one part has, another may require.
	required := slices.Clone(schema.Required)
	for _, part := range schema.AllOf {
		required = append(required, part.Schema().Required...)
	}
	for i := range all {
		all[i].required = all[i].required || slices.Contains(required, all[i].name)
	}
	return all
}

// plain returns the alternative of a schema that isn't null, and whether null is one too.
func plain(proxy *base.SchemaProxy) (*base.SchemaProxy, bool) {
	for _, alternative := range proxy.Schema().AnyOf {
		if !slices.Contains(alternative.Schema().Type, "null") {
			return alternative, true
		}
	}
	return proxy, slices.Contains(proxy.Schema().Type, "null")
}

// schemaType names the type of a schema: a link for one that has a place of its own on the page.
func schemaType(proxy *base.SchemaProxy) string {
	inner, nullable := plain(proxy)
	or := ""
	if nullable {
		or = " or null"
	}
	if name := inner.GetReference()[strings.LastIndex(inner.GetReference(), "/")+1:]; slices.Contains(described, name) {
		return "[" + name + "](#" + strings.ToLower(name) + ")" + or
	}
	schema := inner.Schema()
	switch {
	case slices.Contains(schema.Type, "array"):
		return "list of " + schemaType(schema.Items.A) + or
	case len(schema.Enum) > 0:
		var values []string
		for _, value := range schema.Enum {
			values = append(values, code(value.Value))
		}
		return strings.Join(values, ", ") + or
	case schema.Const != nil:
		return code(schema.Const.Value) + or
	case len(schema.OneOf) > 0:
		var all []string
		for _, one := range schema.OneOf {
			all = append(all, schemaType(one))
		}
		return strings.Join(all, " or ") + or
	}
	types := slices.DeleteFunc(slices.Clone(schema.Type), func(t string) bool { return t == "null" })
	return strings.Join(types, " or ") + or
}

// meaning is the description of a field, unless another is given, with its limits and its default.
func meaning(proxy *base.SchemaProxy, description string) string {
	inner, _ := plain(proxy)
	schema := inner.Schema()
	limits := []string{
		between(schema.MinLength, schema.MaxLength, "characters"),
		between(schema.MinItems, schema.MaxItems, "entries"),
		between(schema.Minimum, schema.Maximum, ""),
	}
	if schema.Pattern != "" {
		limits = append(limits, "matches `"+schema.Pattern+"`")
	}
	if schema.Default != nil {
		limits = append(limits, "default "+code(schema.Default.Value))
	}
	limits = slices.DeleteFunc(limits, func(limit string) bool { return limit == "" })
	blocks := []string{prose(cmp.Or(description, schema.Description)), strings.Join(limits, "; ")}
	return strings.Join(slices.DeleteFunc(blocks, func(block string) bool { return block == "" }), "<br>")
}

// asJSON returns what a body is as JSON, or nil.
func asJSON(content *orderedmap.Map[string, *v3.MediaType]) *v3.MediaType {
	if content == nil {
		return nil
	}
	return content.GetOrZero("application/json")
}
