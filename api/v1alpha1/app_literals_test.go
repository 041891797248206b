package v1alpha1_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// literal returns a change that sets a variable to a literal of a size.
func literal(name string, size int) func(*v1alpha1.App) {
	return func(a *v1alpha1.App) {
		a.Spec.Env = append(a.Spec.Env, v1alpha1.EnvVar{Name: name, Value: new(strings.Repeat("v", size))})
	}
}

func TestAppLiterals(t *testing.T) {
	t.Parallel()
	all := func(changes ...func(*v1alpha1.App)) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) {
			for _, change := range changes {
				change(a)
			}
		}
	}
	command := func(size int) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Spec.Command = []string{strings.Repeat("c", size)} }
	}
	args := func(size int) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { a.Spec.Args = []string{strings.Repeat("a", size)} }
	}
	reference := func(a *v1alpha1.App) {
		a.Spec.Env = append(a.Spec.Env, v1alpha1.EnvVar{Name: "REF", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "s", Key: "k"}}})
	}
	runApps(t, map[string]appCase{
		"None":             {change: all()},
		"Largest":          {change: literal("A", 64<<10)},
		"TooLarge":         {change: literal("A", 64<<10+1), refused: "spec.env"},
		"LargestOfTwo":     {change: all(literal("A", 32<<10), literal("B", 32<<10))},
		"TooLargeTogether": {change: all(literal("A", 32<<10), literal("B", 32<<10+1)), refused: "spec.env"},
		"Command":          {change: command(64 << 10)},
		"TooLongCommand":   {change: command(64<<10 + 1), refused: "spec.env"},
		"Args":             {change: args(64 << 10)},
		"TooLongArgs":      {change: args(64<<10 + 1), refused: "spec.env"},
		"TooLargeInAll":    {change: all(literal("A", 30<<10), command(30<<10), args(30<<10)), refused: "spec.env"},
		"ReferenceIsNone":  {change: all(literal("A", 64<<10), reference)},
		"NameIsNotCounted": {change: literal(strings.Repeat("N", 253), 64<<10)},
	})
}

// An App that had more before the limit goes on and shrinks, and does not grow.
func TestAppLiteralsOfBefore(t *testing.T) {
	t.Parallel()
	config := testenv.StartBare(t)
	s := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(s))
	utilruntime.Must(apiextensionsv1.AddToScheme(s))
	cluster, err := client.New(config, client.Options{Scheme: s})
	if err != nil {
		t.Fatal(err)
	}
	limited := appDefinition(t)
	before := limited.DeepCopy()
	spec := before.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	spec.XValidations = slices.DeleteFunc(spec.XValidations, func(r apiextensionsv1.ValidationRule) bool { return r.OptionalOldSelf != nil })
	before.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] = spec
	install := func(definition *apiextensionsv1.CustomResourceDefinition) {
		t.Helper()
		options := envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{definition}}
		if _, err := envtest.InstallCRDs(config, options); err != nil {
			t.Fatal(err)
		}
	}
	install(before)
	old := newApp(literal("A", 100<<10), literal("B", 10))
	if err := cluster.Create(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	install(limited)
	testenv.Eventually(t, func(ctx context.Context) error { // The API server validates by it a moment later.
		tooLarge := newApp(func(a *v1alpha1.App) { a.Name = "large" }, literal("A", 100<<10))
		if err := cluster.Create(ctx, tooLarge, client.DryRunAll); !apierrors.IsInvalid(err) {
			return fmt.Errorf("the limit is not in effect yet: %w", err)
		}
		return nil
	})
	cases := map[string]struct {
		change  func(*v1alpha1.App)
		refused bool
	}{
		"Image":       {change: func(a *v1alpha1.App) { a.Spec.Image += "2" }},
		"Shrinks":     {change: func(a *v1alpha1.App) { a.Spec.Env = slices.Delete(a.Spec.Env, 1, 2) }},
		"Same":        {change: func(a *v1alpha1.App) { a.Spec.Env[0].Value = new(strings.Repeat("w", 100<<10)) }},
		"Grows":       {change: literal("C", 1), refused: true},
		"GrowsInArgs": {change: func(a *v1alpha1.App) { a.Spec.Args = []string{"x"} }, refused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := old.DeepCopy()
			tc.change(app)
			err := cluster.Update(t.Context(), app, client.DryRunAll)
			if apierrors.IsInvalid(err) != tc.refused || err != nil && !tc.refused {
				t.Errorf("Update(...): got error %v, want one: %t", err, tc.refused)
			}
		})
	}
}

// appDefinition returns the CustomResourceDefinition of Apps.
func appDefinition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "berth.dev_apps.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, definition); err != nil {
		t.Fatal(err)
	}
	return definition
}
