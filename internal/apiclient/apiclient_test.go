package apiclient

import (
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// asked is the query of each request, with its method.
type asked struct {
	next    http.RoundTripper
	queries *[]string
}

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		*a.queries = append(*a.queries, r.Method+" "+r.URL.RawQuery)
	}
	return a.next.RoundTrip(r)
}

// What is applied isn't read twice, and a field that the API server doesn't know is an error all the same.
func TestApply(t *testing.T) {
	t.Parallel()
	config := rest.CopyConfig(testenv.Config())
	var queries []string
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return asked{next, &queries} })
	Tune(config)
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"namespace": metav1.NamespaceDefault, "name": "settings"},
	}}
	settings.Object["data"] = map[string]any{"a": "1"}
	apply := func() error {
		return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(settings), client.FieldOwner("test"))
	}
	if err := apply(); err != nil {
		t.Fatal(err)
	}
	settings.SetManagedFields(nil)
	settings.Object["dta"] = map[string]any{"a": "1"}
	if err := apply(); err == nil {
		t.Error("a field that there isn't is applied")
	}
	if err := c.Delete(t.Context(), settings); err != nil {
		t.Error(err)
	}
	const applied = "PATCH fieldManager=test&fieldValidation=Ignore"
	if diff := cmp.Diff([]string{applied, applied, "DELETE "}, queries); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
