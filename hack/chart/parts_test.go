package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What one value makes, another one does not.
func TestParts(t *testing.T) {
	t.Parallel()
	none := objects(t, mustInstall(t, "platform", read(t, enough)))
	scraped := []string{"NetworkPolicy berth-metrics", "Service berth-facade-metrics", "Service berth-operator-metrics"}
	for name, tc := range map[string]struct {
		reason, values string
		// more are the objects beside those of a release without the values.
		more []string
		// wildcard is whether Apps rely on the wildcard certificate.
		wildcard string
	}{
		"Metrics": {
			"a Prometheus without its operator", "metrics: {enabled: true}\n",
			scraped, "false",
		},
		"ServiceMonitor": {
			"it finds nothing to scrape without the rest", "metrics: {serviceMonitor: {enabled: true}}\n",
			slices.Concat(scraped, []string{"ServiceMonitor berth-facade", "ServiceMonitor berth-operator"}), "false",
		},
		"Wildcard": {
			"an ingress controller that is told by other means", "wildcardCertificate: {enabled: true}\n",
			nil, "true",
		},
		"TLSStore": {
			"Traefik has the certificate before Apps rely on it, and as long as one does",
			"wildcardCertificate: {traefik: true, secretName: wildcard, namespace: traefik}\n",
			[]string{"TLSStore default"},
			"false",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := objects(t, mustInstall(t, "platform", read(t, enough+tc.values)))
			setting, _, err := unstructured.NestedString(all["ConfigMap berth"].Object, "data", "WILDCARD_CERTIFICATE")
			if err != nil || setting != tc.wildcard {
				t.Errorf("%s: WILDCARD_CERTIFICATE is %q, want %s: %v", tc.reason, setting, tc.wildcard, err)
			}
			maps.DeleteFunc(all, func(id string, _ *unstructured.Unstructured) bool { return none[id] != nil })
			if diff := cmp.Diff(tc.more, slices.Sorted(maps.Keys(all))); diff != "" {
				t.Errorf("%s: objects, -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
