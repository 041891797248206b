package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/docs/page"
)

// TestManifests has the API server check every manifest that the project's Markdown and config/samples show. Those of kinds that aren't
// Berth's or Kubernetes' own are left out.
func TestManifests(t *testing.T) {
	shown, err := manifests("../..")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, m := range shown {
		var object unstructured.Unstructured
		if err := yaml.UnmarshalStrict([]byte(m.text), &object.Object); err != nil {
			t.Errorf("%s: %v\n%s", m.from, err, m.text)
			continue
		}
		kinds[object.GetKind()]++
		if err := check(t, &object); err != nil {
			t.Errorf("%s: %v\n%s", m.from, err, m.text)
		}
	}
	for _, kind := range []string{"App", "Domain", "Organization"} {
		if kinds[kind] < 2 {
			t.Errorf("found %d manifests of the kind %s, want several", kinds[kind], kind)
		}
	}
}

// check has the API server validate an object strictly, without keeping it. One that names no Namespace, since that is said elsewhere, is
// taken for one of the Namespace default.
func check(t *testing.T, object *unstructured.Unstructured) error {
	t.Helper()
	namespaced := slices.Contains([]string{"App", "Domain"}, object.GetKind())
	if object.GetNamespace() == "" && namespaced && object.GroupVersionKind().Group == v1alpha1.GroupVersion.Group {
		object.SetNamespace(metav1.NamespaceDefault)
	}
	err := makeNamespace(t, object.GetNamespace())
	if err != nil {
		return err
	}
	err = api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.DryRunAll, client.FieldOwner("docs"))
	if meta.IsNoMatchError(err) && object.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
		return nil
	}
	return err
}

func makeNamespace(t *testing.T, name string) error {
	t.Helper()
	if name == "" {
		return nil
	}
	err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// manifest is one object as YAML, and the file that it is from.
type manifest struct{ from, text string }

// manifests finds the objects that the Markdown and the samples of a checkout show.
func manifests(root string) ([]manifest, error) {
	pages, err := page.ReadAll(root)
	if err != nil {
		return nil, err
	}
	var all []manifest
	for _, p := range pages {
		for _, block := range p.Code {
			all = append(all, split(p.Path, block)...)
		}
	}
	samples, err := filepath.Glob(filepath.Join(root, "config", "samples", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, sample := range samples {
		content, err := os.ReadFile(sample)
		if err != nil {
			return nil, err
		}
		all = append(all, split(sample, string(content))...)
	}
	return all, nil
}

// shellVariable is one in a manifest that is given to a shell. Each stands for a host or a name.
var shellVariable = regexp.MustCompile(`\$[A-Z_]+`)

// split returns the objects in a block of code: each begins with its apiVersion and goes on to the next line with three hyphens, or with the
// END of what a shell reads.
func split(from, block string) []manifest {
	var all []manifest
	var lines []string
	end := func() {
		if len(lines) > 0 {
			all = append(all, manifest{from: from, text: shellVariable.ReplaceAllString(strings.Join(lines, "\n"), "example.test")})
		}
		lines = nil
	}
	for line := range strings.Lines(block) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "---" || line == "END":
			end()
		case strings.HasPrefix(line, "apiVersion:"):
			end()
			lines = []string{line}
		case len(lines) > 0:
			lines = append(lines, line)
		}
	}
	end()
	return all
}

// TestManifestsSeesMistakes makes sure that TestManifests would see a manifest that is wrong.
func TestManifestsSeesMistakes(t *testing.T) {
	const app = "apiVersion: berth.dev/v1alpha1\nkind: App\nmetadata: {name: shop, namespace: mistakes}\nspec: {image: example.com/shop%s}\n"
	for name, c := range map[string]struct {
		rest  string
		wants bool
	}{
		"right":         {rest: ""},
		"unknown field": {rest: ", imagine: true", wants: true},
		"bad value":     {rest: ", port: 0", wants: true},
	} {
		t.Run(name, func(t *testing.T) {
			block := "kubectl apply -f - <<END\n" + fmt.Sprintf(app, c.rest) + "END\nkubectl get apps\n"
			found := split("", block)
			if len(found) != 1 || slices.Contains(strings.Split(found[0].text, "\n"), "END") {
				t.Fatalf("got %q, want one manifest", found)
			}
			var object unstructured.Unstructured
			if err := yaml.UnmarshalStrict([]byte(found[0].text), &object.Object); err != nil {
				t.Fatal(err)
			}
			if err := check(t, &object); (err != nil) != c.wants {
				t.Errorf("got error %v, want one: %t", err, c.wants)
			}
		})
	}
}
