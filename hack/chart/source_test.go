package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/berth-dev/berth/config/manifests"
)

// overlay sets by kustomize what values sets in the chart.
const overlay = `
resources: [CONFIG/default]
images:
- {name: berth-operator, newName: registry.example.org/berth/operator, newTag: v7}
- {name: berth-facade, newName: registry.example.org/berth/facade, newTag: v7}
configMapGenerator:
- name: berth
  namespace: berth-system
  behavior: merge
  literals:
  - BASE_DOMAIN=apps.example.org
  - ISSUER_NAME=internal
  - INGRESS_CLASS=nginx
  - ROUTER_NAMESPACE=ingress-nginx,edge
  - ROUTER_NETWORK=10.1.0.0/16
  - DEFAULT_FROM_EMAIL=no-reply@apps.example.org
  - DEFAULT_EMAIL_PORT=465
  - KEY_RATE=0.5
replicas:
- {name: berth-facade, count: 3}
patches:
- target: {kind: Certificate, name: berth-facade}
  patch: |
    - {op: replace, path: /spec/issuerRef/name, value: internal}
    - {op: replace, path: /spec/dnsNames, value: [berth.example.org]}
`

const values = `
baseDomain: apps.example.org
image: {registry: registry.example.org/berth, tag: v7}
issuer: {name: internal}
ingressClass: nginx
routerNamespaces: [ingress-nginx, edge]
routerNetworks: [10.1.0.0/16]
mail: {port: 465}
limits: {keyRate: 0.5}
facade: {replicas: 3, certificate: {dnsNames: [berth.example.org]}}
oidc: {sessionSecret: berth-session}
`

// Whoever installs Berth by kustomize and whoever does by Helm get the same.
func TestChartIsTheManifests(t *testing.T) {
	t.Parallel()
	want, got := kustomized(t), objects(t, mustInstall(t, "berth-system", read(t, values)))
	for _, all := range []map[string]*unstructured.Unstructured{want, got} {
		for _, o := range all {
			normalize(t, o)
		}
	}
	for id := range want {
		if got[id] == nil {
			t.Errorf("the chart lacks %s", id)
			continue
		}
		if diff := cmp.Diff(want[id].Object, got[id].Object); diff != "" {
			t.Errorf("%s: -manifests, +chart:\n%s", id, diff)
		}
		delete(got, id)
	}
	for id := range got {
		t.Errorf("the manifests lack %s", id)
	}
}

// In another Namespace, everything is the same but for its name.
func TestAnyNamespace(t *testing.T) {
	t.Parallel()
	usual := mustInstall(t, "berth-system", read(t, values)).Manifest
	if diff := cmp.Diff(strings.ReplaceAll(usual, "berth-system", "platform"), mustInstall(t, "platform", read(t, values)).Manifest); diff != "" {
		t.Errorf("-usual Namespace, +other:\n%s", diff)
	}
}

// kustomized renders the overlay. Berth's own Namespace is not the chart's to make.
func kustomized(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	built, err := manifests.Build("../../config", overlay)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*unstructured.Unstructured{}
	for _, r := range built.Resources() {
		data, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		switch o.GetKind() {
		case "Namespace":
			if o.GetName() == "berth-system" {
				continue
			}
		case "ConfigMap":
			o.SetName("berth")
		}
		all[o.GetKind()+" "+o.GetName()] = o
	}
	return all
}

// normalize takes away what is Helm's own, and the hash in the name of the ConfigMap, in whose place the chart has a checksum.
func normalize(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	for _, label := range []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"} {
		delete(labels, label)
	}
	delete(annotations, "helm.sh/resource-policy")
	o.SetLabels(labels)
	o.SetAnnotations(annotations)
	if o.GetKind() != "Deployment" {
		return
	}
	unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "annotations", "checksum/settings")
	rest, _, err := unstructured.NestedMap(o.Object, "spec", "template", "metadata", "annotations")
	if err != nil {
		t.Fatal(err)
	}
	if len(rest) == 0 {
		unstructured.RemoveNestedField(o.Object, "spec", "template", "metadata", "annotations")
	}
	containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	sources := as[[]any](t, as[map[string]any](t, containers[0])["envFrom"])
	from := as[map[string]any](t, as[map[string]any](t, sources[0])["configMapRef"])
	if !strings.HasPrefix(as[string](t, from["name"]), "berth") {
		t.Errorf("%s takes its settings from %v", o.GetName(), from)
	}
	from["name"] = "berth"
	if err := unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
}
