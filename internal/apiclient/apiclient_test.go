package apiclient_test

import (
	"net/http"
	"os"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apiclient"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// asked is the query of each request.
type asked struct {
	next    http.RoundTripper
	queries *[]string
}

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	*a.queries = append(*a.queries, r.URL.RawQuery)
	return a.next.RoundTrip(r)
}

// What is applied isn't read twice, and a field that the API server doesn't know is an error all the same.
func TestApply(t *testing.T) {
	t.Parallel()
	app := func(spec map[string]any) map[string]any {
		return map[string]any{"apiVersion": "berth.dev/v1alpha1", "kind": "App", "spec": spec}
	}
	cases := map[string]struct {
		known, unknown map[string]any
	}{
		"OfTheApiServer": {
			map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"a": "1"}},
			map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "dta": map[string]any{"a": "1"}},
		},
		"Custom": {
			app(map[string]any{"image": "registry.example.com/web:v1"}),
			app(map[string]any{"image": "registry.example.com/web:v1", "imag": "registry.example.com/web:v1"}),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := testenv.Config()
			var queries []string
			config.Wrap(func(next http.RoundTripper) http.RoundTripper { return asked{next, &queries} })
			apiclient.Tune(config)
			c, err := client.New(config, client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			apply := func(fields map[string]any) error {
				o := &unstructured.Unstructured{Object: fields}
				o.SetNamespace(metav1.NamespaceDefault)
				o.SetName("settings")
				return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("test"))
			}
			if err := apply(tc.known); err != nil {
				t.Error(err)
			}
			if err := apply(tc.unknown); err == nil {
				t.Error("a field that there isn't is applied")
			}
			if want := "fieldManager=test&fieldValidation=Ignore"; !slices.Contains(queries, want) {
				t.Errorf("no request has the query %s: %q", want, queries)
			}
		})
	}
}
