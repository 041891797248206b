package fuzz

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/base"

	"github.com/berth-dev/berth/internal/testing/testrandom"
)

// canary is in every secret that requests bring: where it turns up, a secret has got out.
const canary = "canary"

// Kinds of secrets, as they stand behind a canary. Only those of an environment are shown again, to those who may see the app.
const (
	canaryEnv   = canary + "-env-"
	canaryLogin = canary + "-login-"
)

// secretFields are the members that are secrets wherever they stand.
var secretFields = map[string]string{"value": canaryEnv, "external_id": canaryLogin, "email_host_password": canaryLogin}

// values makes up values that fit schemas.
type values struct {
	*rand.Rand

	// known are values that mean something, by the names of the members and parameters that they are for.
	known map[string][]string
}

// valid returns a value for a member or parameter that its schema takes. It is nil, a bool, an int64, a string, a []any or a map[string]any.
func (v values) valid(name string, schema *base.Schema) any {
	if prefix := secretFields[name]; prefix != "" {
		return prefix + testrandom.Matching(v.Rand, `^[0-9a-zA-Z $"'&<é日]{0,30}$`)
	}
	if known := v.known[name]; len(known) > 0 && v.IntN(10) < 8 {
		return known[v.IntN(len(known))]
	}
	switch {
	case schema.Const != nil:
		return decoded(schema.Const)
	case len(schema.Enum) > 0:
		return decoded(schema.Enum[v.IntN(len(schema.Enum))])
	case len(schema.AllOf) > 0:
		return v.merged(schema.AllOf)
	case len(schema.AnyOf) > 0:
		return v.valid(name, schema.AnyOf[v.IntN(len(schema.AnyOf))].Schema())
	case len(schema.OneOf) > 0:
		return v.valid(name, schema.OneOf[v.IntN(len(schema.OneOf))].Schema())
	default:
		return v.ofType(name, schema)
	}
}

func decoded(node interface{ Decode(to any) error }) any {
	var value any
	if err := node.Decode(&value); err != nil {
		panic(err) // The contract has been read before.
	}
	return value
}

func (v values) ofType(name string, schema *base.Schema) any {
	if len(schema.Type) == 0 {
		return v.text(schema)
	}
	switch schema.Type[v.IntN(len(schema.Type))] {
	case "object":
		return v.object(schema, schema.Required)
	case "array":
		list := make([]any, v.IntN(4))
		for i := range list {
			list[i] = v.valid(strings.TrimSuffix(name, "s"), schema.Items.A.Schema())
		}
		return list
	case "integer", "number":
		return v.integer(schema)
	case "boolean":
		return v.IntN(2) == 0
	case "null":
		return nil
	default:
		return v.text(schema)
	}
}

// merged is an object of several schemas, each with members, of which one may require what another describes.
func (v values) merged(parts []*base.SchemaProxy) map[string]any {
	var required []string
	for _, part := range parts {
		required = append(required, part.Schema().Required...)
	}
	whole := map[string]any{}
	for _, part := range parts {
		if part.Schema().Properties == nil {
			panic("a part of allOf has no properties, or has them in a way that nothing is made up for")
		}
		maps.Copy(whole, v.object(part.Schema(), required))
	}
	return whole
}

// object has every member that is required, and of the others some.
func (v values) object(schema *base.Schema, required []string) map[string]any {
	members := map[string]any{}
	if schema.Properties == nil {
		return members
	}
	most := v.IntN(4)
	for name, property := range schema.Properties.FromOldest() {
		if slices.Contains(required, name) || v.IntN(4) < most {
			members[name] = v.valid(name, property.Schema())
		}
	}
	return members
}

func (v values) integer(schema *base.Schema) int64 {
	from, to := int64(0), int64(100)
	if schema.Minimum != nil {
		from = int64(*schema.Minimum)
		to += from
	}
	if schema.Maximum != nil {
		to = int64(*schema.Maximum)
	}
	switch v.IntN(6) {
	case 0:
		return from
	case 1:
		return to
	default:
		return from + v.Int64N(to-from+1)
	}
}

func (v values) text(schema *base.Schema) string {
	pattern := schema.Pattern
	if pattern == "" {
		pattern = `^[a-z0-9.@:/-]{1,20}$`
	}
	text := testrandom.Matching(v.Rand, pattern)
	if schema.MaxLength != nil && len(text) > int(*schema.MaxLength) {
		return text[:*schema.MaxLength]
	}
	return text
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
