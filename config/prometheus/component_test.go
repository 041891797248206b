// Package prometheus holds no code: it tests that what the component adds fits what Berth is.
package prometheus

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/config/manifests"
)

// monitor is what the test reads of a ServiceMonitor.
type monitor struct {
	Spec struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port string `json:"port"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// overlay is as docs/monitoring.md has it.
const overlay = "resources: [CONFIG/default]\ncomponents: [CONFIG/prometheus]\n"

// of returns what is rendered of a kind, by name.
func of[T any](t *testing.T, rendered resmap.ResMap, kind string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for _, r := range rendered.Resources() {
		if r.GetKind() != kind {
			continue
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var object T
		if err := yaml.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		all[r.GetName()] = object
	}
	return all
}

// TestComponent follows the way of a scrape: from the ServiceMonitors by the Services to the Pods' ports, past the NetworkPolicy.
func TestComponent(t *testing.T) {
	rendered, err := manifests.Build("..", overlay)
	if err != nil {
		t.Fatal(err)
	}
	services := of[corev1.Service](t, rendered, "Service")
	policy := of[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy")["berth-metrics"]
	allowed, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range of[monitor](t, rendered, "ServiceMonitor") {
		selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		service := services[name+"-metrics"] // The alerts take this for the job.
		if !selector.Matches(labels.Set(service.Labels)) || service.Spec.Ports[0].Name != m.Spec.Endpoints[0].Port {
			t.Errorf("%s doesn't select the Service %s-metrics", name, name)
		}
		pod := of[appsv1.Deployment](t, rendered, "Deployment")[name].Spec.Template
		if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(pod.Labels)) || !allowed.Matches(labels.Set(pod.Labels)) {
			t.Errorf("Service or NetworkPolicy doesn't select the Pods of %s", name)
		}
		for _, port := range []string{service.Spec.Ports[0].TargetPort.StrVal, policy.Spec.Ingress[0].Ports[0].Port.StrVal} {
			if !slices.ContainsFunc(pod.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == port && p.ContainerPort == 8080 }) {
				t.Errorf("%s has no port %s", name, port)
			}
		}
	}
	if n := len(of[monitor](t, rendered, "ServiceMonitor")); n != 2 {
		t.Errorf("there are %d ServiceMonitors, want 2", n)
	}
	dashboard := of[corev1.ConfigMap](t, rendered, "ConfigMap")["berth-dashboard"]
	if dashboard.Labels["grafana_dashboard"] != "1" || dashboard.Data["berth.json"] == "" {
		t.Errorf("Grafana doesn't find the dashboard: %v", dashboard.Labels)
	}
}
