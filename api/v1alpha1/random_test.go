package v1alpha1_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	ac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

var (
	randomSeed  = flag.Uint64("random-seed", 0, "what the random specs are made from; 0 for others at each run")
	randomSpecs = flag.Int("random-specs", 150, "how many random specs there are of each kind")
)

// randomKinds are the kinds with their types and apply configurations.
var randomKinds = map[string]struct {
	plural string
	typed  func() client.Object
	// configuration is what the apply configuration makes of a spec.
	configuration func(t *testing.T, spec map[string]any) map[string]any
	// extracted is the spec that a field owner is told to own.
	extracted func(t *testing.T, object client.Object, owner string) map[string]any
}{
	"App": {
		plural: "apps",
		typed:  func() client.Object { return &v1alpha1.App{} },
		configuration: func(t *testing.T, spec map[string]any) map[string]any {
			t.Helper()
			return through(t, spec, &ac.AppSpecApplyConfiguration{})
		},
		extracted: func(t *testing.T, object client.Object, owner string) map[string]any {
			t.Helper()
			app, ok := object.(*v1alpha1.App)
			if !ok {
				t.Fatalf("got a %T", object)
			}
			extracted, err := ac.ExtractApp(app, owner)
			if err != nil {
				t.Fatal(err)
			}
			return through(t, extracted.Spec, nil)
		},
	},
	"Domain": {
		plural: "domains",
		typed:  func() client.Object { return &v1alpha1.Domain{} },
		configuration: func(t *testing.T, spec map[string]any) map[string]any {
			t.Helper()
			return through(t, spec, &ac.DomainSpecApplyConfiguration{})
		},
		extracted: func(t *testing.T, object client.Object, owner string) map[string]any {
			t.Helper()
			domain, ok := object.(*v1alpha1.Domain)
			if !ok {
				t.Fatalf("got a %T", object)
			}
			extracted, err := ac.ExtractDomain(domain, owner)
			if err != nil {
				t.Fatal(err)
			}
			return through(t, extracted.Spec, nil)
		},
	},
}

// through writes a value as JSON, reads that into another, unless it is nil, and writes that.
func through(t *testing.T, value, other any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err == nil && other != nil {
		if err = json.Unmarshal(encoded, other); err == nil {
			encoded, err = json.Marshal(other)
		}
	}
	var object map[string]any
	if err == nil {
		err = json.Unmarshal(encoded, &object)
	}
	if err != nil {
		t.Fatal(err)
	}
	dropNulls(object)
	return object
}

// dropNulls takes members away that are null, which says nothing: Kubernetes' own types write some.
func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, member any) bool { return member == nil })
		for _, member := range v {
			dropNulls(member)
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}

func randomSource(t *testing.T, stream uint64) specs {
	t.Helper()
	seed := *randomSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -random-seed=%d", seed)
	return specs{rand.New(rand.NewPCG(seed, stream))}
}

func newObject(kind, name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	object.SetNamespace(metav1.NamespaceDefault)
	object.SetName(name)
	return object
}

// TestRandomSpecs says that whatever a schema allows, the API server takes and gives back, and neither the types nor the apply configurations
// lose anything of it.
func TestRandomSpecs(t *testing.T) {
	t.Parallel()
	const owner = "random"
	for name, kind := range randomKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random, schema := randomSource(t, 1), specSchema(t, kind.plural)
			for number := range *randomSpecs {
				spec := random.object("", schema)
				applied := newObject(name, fmt.Sprintf("random-%d", number), spec)
				written := runtime.DeepCopyJSON(applied.Object)
				if err := api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(owner)); err != nil {
					t.Fatalf("refused: %v\n%v", err, spec)
				}
				want := through(t, written["spec"], nil)
				typed := kind.typed()
				if err := api.Get(t.Context(), client.ObjectKeyFromObject(applied), typed); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, kind.configuration(t, want)); diff != "" {
					t.Errorf("the apply configuration: -written, +kept:\n%s", diff)
				}
				if diff := cmp.Diff(want, kind.extracted(t, typed, owner)); diff != "" {
					t.Errorf("what the owner owns: -written, +extracted:\n%s", diff)
				}
				withDefaults(schema, want)
				if diff := cmp.Diff(want, through(t, applied.Object["spec"], nil)); diff != "" {
					t.Errorf("the API server: -written, +answered:\n%s", diff)
				}
				if diff := cmp.Diff(want, through(t, typed, nil)["spec"]); diff != "" {
					t.Errorf("the type: -written, +read:\n%s", diff)
				}
				if err := api.Delete(t.Context(), applied); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// withDefaults fills in what a schema has for what isn't said.
func withDefaults(schema *apiextensionsv1.JSONSchemaProps, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name := range schema.Properties {
			property := schema.Properties[name]
			if _, said := v[name]; !said && property.Default != nil {
				var content any
				if err := json.Unmarshal(property.Default.Raw, &content); err != nil {
					panic(err) // It is the API server's own.
				}
				v[name] = content
			}
			withDefaults(&property, v[name])
		}
	case []any:
		for _, item := range v {
			withDefaults(schema.Items.Schema, item)
		}
	}
}

// TestRandomMistakes says that one mistake anywhere in a spec is refused by a 422 that names its field.
func TestRandomMistakes(t *testing.T) {
	t.Parallel()
	for name, kind := range randomKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random, schema := randomSource(t, 2), specSchema(t, kind.plural)
			for range *randomSpecs {
				spec := random.object("", schema)
				field := random.spoil("spec", schema, spec)
				err := api.Create(t.Context(), newObject(name, "random", spec), client.DryRunAll)
				if !apierrors.IsInvalid(err) {
					t.Errorf("%s is wrong: got %v, want a 422\n%v", field, err, spec)
					continue
				}
				status, ok := errors.AsType[*apierrors.StatusError](err)
				if !ok || !slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return names(c, field) }) {
					t.Errorf("%s is wrong, and not named: %v", field, err)
				}
			}
		})
	}
}

// names tells whether what the API server says names a field that is wrong, or the object that it is in or lacks. Of a number that is too large
// for its format, only the message has the field.
func names(cause metav1.StatusCause, wrong string) bool {
	within := func(inner, outer string) bool {
		rest, found := strings.CutPrefix(inner, outer)
		return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	return within(cause.Field, wrong) || within(wrong, cause.Field) || strings.HasSuffix(cause.Message, "format int32 in "+wrong)
}

// spoil makes one mistake in an object, and returns where.
func (s specs) spoil(path string, schema *apiextensionsv1.JSONSchemaProps, object map[string]any) string {
	keys := slices.Sorted(maps.Keys(object))
	if len(schema.Required) > 0 && s.IntN(6) == 0 {
		missing := schema.Required[s.IntN(len(schema.Required))]
		delete(object, missing)
		return path + "." + missing
	}
	name := keys[s.IntN(len(keys))]
	property := schema.Properties[name]
	at := path + "." + name
	if nested, ok := object[name].(map[string]any); ok && len(property.Properties) > 0 && s.IntN(3) > 0 && len(nested) > 0 {
		return s.spoil(at, &property, nested)
	}
	object[name] = s.wrong(&property)
	return at
}

// wrong is a value that a schema doesn't allow.
func (s specs) wrong(schema *apiextensionsv1.JSONSchemaProps) any {
	choices := []any{true, []any{"a"}}
	switch {
	case schema.XIntOrString:
		choices = []any{true, 1.5}
	case schema.Type == "boolean":
		choices = []any{"true", int64(1)}
	case schema.Type == "array":
		choices = []any{"a", map[string]any{"a": "b"}, []any{int64(1)}}
	case schema.Type == "integer":
		choices = append(choices, "1", 1.5)
		if schema.Format == "int32" {
			choices = append(choices, int64(1)<<40)
		}
		if schema.Minimum != nil {
			choices = append(choices, int64(*schema.Minimum)-1)
		}
	case schema.Type == "string" && schema.MaxLength != nil:
		choices = append(choices, "", strings.Repeat("a", int(*schema.MaxLength)+1), int64(1))
	case schema.Type == "string":
		choices = append(choices, int64(1))
	}
	return choices[s.IntN(len(choices))]
}
