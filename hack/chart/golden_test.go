package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/action"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the chart renders into testdata")

// random is what differs each time.
var random = regexp.MustCompile(`(?m)^(  key: |        checksum/secrets: ).*$`)

func TestTemplates(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"minimal", "everything"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustInstall(t, "platform", valuesOf(t, name+".yaml"))
			compare(t, name+".golden.yaml", text(t, objects(t, r)))
			compare(t, name+".golden.txt", r.Info.Notes)
		})
	}
}

// text is objects as YAML, sorted. The schemas of the definitions are config/crd's.
func text(t *testing.T, all map[string]*unstructured.Unstructured) string {
	t.Helper()
	var ids []string
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var b strings.Builder
	for _, id := range ids {
		o := all[id].DeepCopy()
		if o.GetKind() == "CustomResourceDefinition" {
			o.Object["spec"] = "see config/crd"
		}
		data, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n" + string(data))
	}
	return random.ReplaceAllString(b.String(), "${1}RANDOM")
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s; `go test . -update` writes it: -want, +got:\n%s", file, diff)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"minimal", "everything"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lint := action.NewLint()
			lint.Strict = true
			for _, err := range lint.Run([]string{chartDir}, valuesOf(t, name+".yaml")).Errors {
				t.Error(err)
			}
		})
	}
}
