package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/strvals"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// setFlag finds the values of a command.
var setFlag = regexp.MustCompile(`--set=(\S+)`)

// guideValues returns the values of the first `helm install` of a page.
func guideValues(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, command, ok := strings.Cut(string(text), "    helm install ")
	command, _, end := strings.Cut(command, "\n\n")
	if !ok || !end {
		t.Fatalf("%s does not install the chart", page)
	}
	var values []string
	for _, flag := range setFlag.FindAllStringSubmatch(command, -1) {
		values = append(values, flag[1])
	}
	return values
}

// The three values of the guides are enough. Without the cluster, ingress controllers are let in from where they usually are.
func TestThreeValues(t *testing.T) {
	t.Parallel()
	three := []string{"baseDomain=apps.example.com", "image.registry=registry.example.com/berth", "issuer.name=letsencrypt"}
	given := map[string]any{}
	for _, page := range []string{"../../docs/guides/install.md", chartDir + "/README.md"} {
		if diff := cmp.Diff(three, guideValues(t, page)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", page, diff)
		}
	}
	for _, v := range three {
		if err := strvals.ParseInto(v, given); err != nil {
			t.Fatal(err)
		}
	}
	all := objects(t, mustInstall(t, "berth-system", given))
	settings, _, err := unstructured.NestedStringMap(all["ConfigMap berth"].Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"BASE_DOMAIN": "apps.example.com", "ISSUER_NAME": "letsencrypt", "INGRESS_CLASS": "",
		"ROUTER_NAMESPACE": "traefik,ingress-nginx,nginx-ingress,haproxy-controller,projectcontour,kong", "ROUTER_NETWORK": "",
		"DEFAULT_FROM_EMAIL": "no-reply@apps.example.com", "VERIFY_DOMAINS": "true",
	}
	got := map[string]string{}
	for key := range want {
		got[key] = settings[key]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings: -want, +got:\n%s", diff)
	}
	issuer, _, err := unstructured.NestedString(all["Certificate berth-facade"].Object, "spec", "issuerRef", "name")
	if err != nil || issuer != "letsencrypt" {
		t.Errorf("the facade's certificate is signed by %q: %v", issuer, err)
	}
}
