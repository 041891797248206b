// Package config holds no code: it tests what Berth's own Pods may do and how they are replaced.
package config

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/config/manifests"
)

// built is what the manifests of this folder make.
var built = sync.OnceValues(func() (resmap.ResMap, error) { return manifests.Build("..", "resources: [CONFIG/default]\n") })

// render returns the manifests of a kind.
func render[T any](t *testing.T, kind string) []T {
	t.Helper()
	all, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	for _, r := range all.Resources() {
		if r.GetKind() != kind {
			continue
		}
		raw, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var one T
		if err := yaml.UnmarshalStrict(raw, &one); err != nil {
			t.Fatalf("%s %s: %v", kind, r.GetName(), err)
		}
		found = append(found, one)
	}
	return found
}

// deployments are all of Berth's own. That no other kind makes Pods is said besides.
func deployments(t *testing.T) []appsv1.Deployment {
	t.Helper()
	for _, kind := range []string{"Pod", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"} {
		if found := render[map[string]any](t, kind); len(found) > 0 {
			t.Errorf("there is a %s, which no test looks at", kind)
		}
	}
	all := render[appsv1.Deployment](t, "Deployment")
	if len(all) != 2 {
		t.Fatalf("there are %d Deployments, want those of operator and facade", len(all))
	}
	return all
}

// Whoever takes over a container of Berth's finds nothing in it to take over more with.
func TestContainersAreConfined(t *testing.T) {
	t.Parallel()
	for _, d := range deployments(t) {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			spec := d.Spec.Template.Spec
			pod := &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			}
			if diff := cmp.Diff(pod, spec.SecurityContext); diff != "" {
				t.Errorf("securityContext of the Pods: -want, +got:\n%s", diff)
			}
			if spec.HostNetwork || spec.HostPID || spec.HostIPC || spec.PriorityClassName != "" {
				t.Error("the Pods are part of their node, or come before others")
			}
			for _, v := range spec.Volumes {
				if v.HostPath != nil {
					t.Errorf("volume %s is a folder of the node", v.Name)
				}
			}
			for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
				confined := &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}
				if diff := cmp.Diff(confined, c.SecurityContext); diff != "" {
					t.Errorf("securityContext of the container %s: -want, +got:\n%s", c.Name, diff)
				}
				for _, m := range c.VolumeMounts {
					if !m.ReadOnly {
						t.Errorf("the container %s may write into %s", c.Name, m.MountPath)
					}
				}
				if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
					t.Errorf("the container %s has no bound of memory or no requests", c.Name)
				}
			}
		})
	}
}

// longestEnd is how many seconds each takes to end at most, as its deployment.yaml says.
var longestEnd = map[string]int64{"berth-operator": 45, "berth-facade": 5 + 10 + 35 + 5}

// There is always one more to go on when a Pod goes, be it for a new version or with its node.
func TestPodsAreReplaceable(t *testing.T) {
	t.Parallel()
	for _, d := range deployments(t) {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			if *d.Spec.Replicas < 2 {
				t.Errorf("there are %d replicas", *d.Spec.Replicas)
			}
			if update := d.Spec.Strategy.RollingUpdate; update == nil || update.MaxUnavailable.IntValue() != 0 || update.MaxSurge.IntValue() < 1 {
				t.Errorf("an update takes a Pod before its successor is ready: %+v", d.Spec.Strategy)
			}
			if grace := d.Spec.Template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < longestEnd[d.Name] {
				t.Errorf("the Pods get too little time to finish, want %d s", longestEnd[d.Name])
			}
			var spread []string
			for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
				if c.WhenUnsatisfiable != corev1.ScheduleAnyway || !selects(t, c.LabelSelector, &d) {
					t.Errorf("the constraint of %s may keep Pods from running, or is of others", c.TopologyKey)
				}
				spread = append(spread, c.TopologyKey)
			}
			if diff := cmp.Diff([]string{corev1.LabelHostname, corev1.LabelTopologyZone}, spread); diff != "" {
				t.Errorf("Pods are spread over: -want, +got:\n%s", diff)
			}
			budgets := slices.DeleteFunc(render[policyv1.PodDisruptionBudget](t, "PodDisruptionBudget"),
				func(b policyv1.PodDisruptionBudget) bool { return !selects(t, b.Spec.Selector, &d) })
			if len(budgets) != 1 || budgets[0].Spec.MaxUnavailable.IntValue() != 1 {
				t.Errorf("want one PodDisruptionBudget that lets one Pod go at a time, got %+v", budgets)
			}
		})
	}
}

func selects(t *testing.T, s *metav1.LabelSelector, d *appsv1.Deployment) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(d.Spec.Template.Labels))
}

// Each probe asks its own question; that of liveness isn't the one of readiness, which a Pod that ends says no to.
func TestProbes(t *testing.T) {
	t.Parallel()
	for _, d := range deployments(t) {
		for _, c := range d.Spec.Template.Spec.Containers {
			for want, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != want {
					t.Errorf("%s: a probe doesn't ask %s: %+v", d.Name, want, probe)
				}
			}
			if c.StartupProbe == nil || c.StartupProbe.HTTPGet.Path != "/healthz" {
				t.Errorf("%s: a start isn't waited for: %+v", d.Name, c.StartupProbe)
			}
		}
	}
}
