package main

import (
	"encoding/base64"
	"testing"

	"helm.sh/helm/v4/pkg/chart/loader"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// annotation is one of the Pods of a Deployment.
func annotation(t *testing.T, all map[string]*unstructured.Unstructured, deployment, name string) string {
	t.Helper()
	text, _, err := unstructured.NestedString(all["Deployment "+deployment].Object, "spec", "template", "metadata", "annotations", name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestChangedSettingsReplacePods(t *testing.T) {
	t.Parallel()
	before, same := objects(t, mustInstall(t, "platform", read(t, enough))), objects(t, mustInstall(t, "platform", read(t, enough)))
	changed := objects(t, mustInstall(t, "platform", read(t, enough+"ingressClass: nginx\n")))
	for _, deployment := range []string{"berth-operator", "berth-facade"} {
		const name = "checksum/settings"
		if was, is := annotation(t, before, deployment, name), annotation(t, same, deployment, name); was == "" || was != is {
			t.Errorf("%s: the same settings have the checksums %q and %q", deployment, was, is)
		}
		if annotation(t, before, deployment, name) == annotation(t, changed, deployment, name) {
			t.Errorf("%s: other settings have the same checksum", deployment)
		}
	}
}

// A checksum of a password alone would let whoever reads a Deployment try passwords.
func TestPasswordsAreNotInTheDeployments(t *testing.T) {
	t.Parallel()
	const password = "correct horse"
	values := enough + "mail: {password: " + password + "}\n"
	first, second := objects(t, mustInstall(t, "platform", read(t, values))), objects(t, mustInstall(t, "platform", read(t, values)))
	got, _, err := unstructured.NestedString(first["Secret berth-mail"].Object, "data", "password")
	if err != nil || got != base64.StdEncoding.EncodeToString([]byte(password)) {
		t.Error("the Secret has another password")
	}
	const name = "checksum/secrets"
	one, other := annotation(t, first, "berth-facade", name), annotation(t, second, "berth-facade", name)
	if one == "" || one == other {
		t.Errorf("two installations with the same password have %q and %q: it depends on nothing that is secret", one, other)
	}
	if of := annotation(t, first, "berth-operator", name); of != "" {
		t.Errorf("the operator, which reads none of them, has %q", of)
	}
	if of := annotation(t, objects(t, mustInstall(t, "platform", read(t, enough))), "berth-facade", name); of != "" {
		t.Errorf("without a password there is %q", of)
	}
}

func TestNoSecretIsMadeThatIsThere(t *testing.T) {
	t.Parallel()
	all := objects(t, mustInstall(t, "platform", read(t, enough+"mail: {existingSecret: m}\noidc: {existingSecret: c, sessionSecret: s}\n")))
	for id := range all {
		if all[id].GetKind() == "Secret" {
			t.Errorf("the chart makes %s", id)
		}
	}
	volumes, _, err := unstructured.NestedSlice(all["Deployment berth-facade"].Object, "spec", "template", "spec", "volumes")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"mail": "m", "oidc": "c", "session": "s"}
	for _, v := range volumes {
		volume := as[map[string]any](t, v)
		secret, _, err := unstructured.NestedString(volume, "secret", "secretName")
		if err != nil {
			t.Fatal(err)
		}
		if name := as[string](t, volume["name"]); want[name] == secret {
			delete(want, name)
		}
	}
	if len(want) > 0 {
		t.Errorf("the facade does not read %v", want)
	}
}

// Another chart may have this one as a part.
func TestGlobalValuesOfAnotherChart(t *testing.T) {
	t.Parallel()
	part, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	whole := &chartv2.Chart{Metadata: &chartv2.Metadata{APIVersion: "v2", Name: "platform", Version: "1.0.0"}}
	whole.AddDependency(as[*chartv2.Chart](t, part))
	values := map[string]any{"global": map[string]any{"team": "platform"}, "berth": read(t, enough)}
	if _, err := installChart(t, whole, "platform", values); err != nil {
		t.Error(err)
	}
}
