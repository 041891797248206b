package v1alpha1_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/internal/testing/testrandom"
)

// specSchema is the schema of the spec of a kind, from its custom resource definition.
func specSchema(t *testing.T, plural string) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	content, err := os.ReadFile("../../config/crd/berth.dev_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &definition); err != nil {
		t.Fatal(err)
	}
	schema := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	return &schema
}

// patterns are of texts that the API server takes where a schema's CEL rules say more than the rest of it, by the path.
var patterns = map[string]string{
	"readinessProbe.httpGet.scheme": `^(HTTP|HTTPS)$`,
	"livenessProbe.httpGet.scheme":  `^(HTTP|HTTPS)$`,
	"startupProbe.httpGet.scheme":   `^(HTTP|HTTPS)$`,
	"image": `^(registry\.example\.com(:5[0-9]{3})?/)?[a-z0-9]{1,9}([._]|__)?[a-z0-9](/[a-z0-9]{1,9}){0,2}` +
		`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?(@sha256:[0-9a-f]{64})?$`,
	"registry.roleARN": `^arn:aws(-cn)?:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@-]{1,20}$`,
	"host":             `^[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?(\.[a-z]{2,9})?\.[a-z]{4,9}$`,
	"mail.from":        `^[a-zé日!#.+]{1,20}@[a-z.]{1,20}$`,
	"mail.host":        `^([a-zA-Z0-9]{1,9}\.){0,3}[a-zA-Z0-9]{1,9}|127\.0\.0\.1|::1$`,
	"mail.user":        `^[a-zé日 "'\\$]{1,20}$`,
	"appRef.name":      `^[a-z0-9]{1,25}$`,
}

// anyText is what a text may have of which nothing is said.
const anyText = `^[a-zA-Z0-9 é日\\"'<&$(){}:#\t-]{1,20}$`

// specs makes up specs that fit a schema.
type specs struct {
	*rand.Rand
}

// object has every property that is required, and of the others some; of those that exclude each other, one.
func (s specs) object(path string, schema *apiextensionsv1.JSONSchemaProps) map[string]any {
	values := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if slices.Contains(schema.Required, name) || s.IntN(2) == 0 {
			values[name] = s.value(strings.TrimPrefix(path+"."+name, "."), new(schema.Properties[name]))
		}
	}
	for _, rule := range schema.XValidations {
		s.obey(path, schema, rule.Rule, values)
	}
	if schema.MinProperties != nil && len(values) == 0 {
		values["from"] = "ann@example.com"
	}
	return values
}

// obey makes an object obey a rule of CEL about several of its properties.
func (s specs) obey(path string, schema *apiextensionsv1.JSONSchemaProps, rule string, values map[string]any) {
	names := []string{}
	for name := range schema.Properties {
		if strings.Contains(rule, "has(self."+name+")?") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) > 0: // One of them.
		chosen := names[s.IntN(len(names))]
		for _, name := range names {
			delete(values, name)
		}
		values[chosen] = s.value(strings.TrimPrefix(path+"."+chosen, "."), new(schema.Properties[chosen]))
	case strings.Contains(rule, "passwordSecretRef") && values["user"] == nil:
		delete(values, "passwordSecretRef")
	case strings.HasSuffix(rule, ".host)"): // Of a probe.
		for _, handler := range []string{"httpGet", "tcpSocket"} {
			if action, ok := values[handler].(map[string]any); ok {
				delete(action, "host")
			}
		}
	default:
		for _, bound := range bounds.FindAllStringSubmatch(rule, -1) {
			most, err := strconv.ParseInt(bound[2], 10, 64)
			if err != nil {
				panic(err) // It is only digits.
			}
			if value, ok := values[bound[1]].(int64); ok {
				values[bound[1]] = min(value, most)
			}
		}
	}
}

// bounds are the parts of a rule of CEL that bound a number.
var bounds = regexp.MustCompile(`\bself\.(\w+) <= (\d+)\b`)

func (s specs) value(path string, schema *apiextensionsv1.JSONSchemaProps) any {
	switch {
	case schema.XIntOrString && strings.Contains(schema.Pattern, "KMGTPE"):
		// As they are written in the end: what is read as typed is written so.
		return []any{"100m", "1", "64Mi", "2Gi", "1500m"}[s.IntN(5)]
	case schema.XIntOrString:
		return []any{int64(s.IntN(65536)), "http"}[s.IntN(2)]
	case len(schema.Enum) > 0:
		var value any
		if err := json.Unmarshal(schema.Enum[s.IntN(len(schema.Enum))].Raw, &value); err != nil {
			panic(err) // It is the API server's own.
		}
		return value
	case schema.Type == "object" && schema.AdditionalProperties != nil:
		return map[string]any{"cpu": s.value(path+"[cpu]", schema.AdditionalProperties.Schema)}
	case schema.Type == "object":
		return s.object(path, schema)
	case schema.Type == "array":
		return s.list(path, schema)
	case schema.Type == "integer":
		return s.integer(schema)
	case schema.Type == "boolean":
		return s.IntN(2) == 0
	default:
		return s.text(path, schema)
	}
}

// list has items of which no two have the same key.
func (s specs) list(path string, schema *apiextensionsv1.JSONSchemaProps) []any {
	list := []any{}
	seen := map[any]bool{}
	for range 1 + s.IntN(3) { // None is the same as no list, for the types.
		item := s.value(path+"[]", schema.Items.Schema)
		if object, ok := item.(map[string]any); ok {
			if len(schema.XListMapKeys) > 0 && seen[object[schema.XListMapKeys[0]]] {
				continue
			}
			if path == "env" && object["value"] != nil {
				delete(object, "valueFrom")
			}
			if len(schema.XListMapKeys) > 0 {
				seen[object[schema.XListMapKeys[0]]] = true
			}
		}
		list = append(list, item)
	}
	return list
}

func (s specs) integer(schema *apiextensionsv1.JSONSchemaProps) int64 {
	from, to := int64(1), int64(1)<<31-1 // 0 is the same as nothing, for the types.
	if schema.Minimum != nil {
		from = int64(*schema.Minimum)
	}
	if schema.Maximum != nil {
		to = int64(*schema.Maximum)
	}
	return []int64{from, to, from + s.Int64N(to-from+1)}[s.IntN(3)]
}

func (s specs) text(path string, schema *apiextensionsv1.JSONSchemaProps) string {
	pattern := patterns[path]
	if pattern == "" {
		pattern = schema.Pattern
	}
	if pattern == "" {
		pattern = anyText
	}
	return testrandom.Matching(s.Rand, pattern)
}
