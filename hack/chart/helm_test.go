package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	charts "helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const chartDir = "../../config/chart"

// install renders a release of the chart as `helm template` does.
func install(t *testing.T, namespace string, values map[string]any) (*release.Release, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return installChart(t, chart, namespace, values)
}

func installChart(t *testing.T, chart charts.Charter, namespace string, values map[string]any) (*release.Release, error) {
	t.Helper()
	i := action.NewInstall(action.NewConfiguration())
	i.ReleaseName, i.Namespace, i.DryRunStrategy = "berth", namespace, action.DryRunClient
	i.KubeVersion = &common.KubeVersion{Version: "v1.36.0", Major: "1", Minor: "36"}
	rendered, err := i.Run(chart, values)
	if err != nil {
		return nil, err
	}
	return as[*release.Release](t, rendered), nil
}

// as is a value as what it has to be.
func as[T any](t *testing.T, value any) T {
	t.Helper()
	out, ok := value.(T)
	if !ok {
		t.Fatalf("it is a %T", value)
	}
	return out
}

func mustInstall(t *testing.T, namespace string, values map[string]any) *release.Release {
	t.Helper()
	r, err := install(t, namespace, values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read reads values from YAML.
func read(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// valuesOf reads a file of values in testdata.
func valuesOf(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(text))
}

// objects are those of a release, by kind and name. That none is there twice, and that no mapping has a key twice, is checked.
func objects(t *testing.T, r *release.Release) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for text := range strings.SplitSeq(r.Manifest, "\n---\n") {
		data, err := yaml.YAMLToJSONStrict([]byte(strings.TrimPrefix(text, "---\n")))
		if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
		if string(data) == "null" {
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		id := o.GetKind() + " " + o.GetName()
		if all[id] != nil {
			t.Errorf("%s is there twice", id)
		}
		all[id] = o
	}
	return all
}
