package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

var errNotYet = errors.New("not yet")

// running makes an App that is Ready.
func running(t *testing.T, ns string, changes ...func(*v1alpha1.App)) *v1alpha1.App {
	t.Helper()
	app := newApp(t, ns, changes...)
	rollout(t, app, "1", testobjects.PodReady())
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	return app
}

func TestAppBecomesReady(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	expect(t, app, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:              working,
		v1alpha1.ConditionReconciling:        {"True", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionStalled:            {"False", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionReferencesResolved: succeeded,
		v1alpha1.ConditionAvailable:          working,
		v1alpha1.ConditionCertificateReady:   working,
		v1alpha1.ConditionRouteReady:         succeeded,
	})
	rollout(t, app, "1", testobjects.PodReady())
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{
		v1alpha1.ConditionReady:              succeeded,
		v1alpha1.ConditionReconciling:        {"False", v1alpha1.ReasonSucceeded},
		v1alpha1.ConditionStalled:            {"False", v1alpha1.ReasonSucceeded},
		v1alpha1.ConditionReferencesResolved: succeeded,
		v1alpha1.ConditionAvailable:          succeeded,
		v1alpha1.ConditionCertificateReady:   succeeded,
		v1alpha1.ConditionRouteReady:         succeeded,
	})
	got := app.Status
	got.Conditions = nil
	one := int32(1)
	want := v1alpha1.AppStatus{
		ObservedGeneration: 1, URL: "https://" + app.Name + "." + baseDomain, Image: testobjects.Digest, Replicas: &one, ReadyReplicas: &one,
		Selector: "berth.dev/app=" + app.Name,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// A new App takes one request for each object and one for the status.
func TestNewAppTakesFewRequests(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	secret := newEnvSecret(t, ns, "app-"+ns[len(ns)-5:], "1")
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), secret) })
	app := newApp(t, ns, fromSecret(secret.Name, "PASSWORD"))
	awaitStatus(t, app)
	var got []string
	for _, r := range quiesce(t, ns) {
		if !strings.HasPrefix(r, "PATCH rolebindings/") { // The organization's.
			got = append(got, r)
		}
	}
	want := []string{
		"PATCH secrets/" + secret.Name, "PATCH deployments/" + app.Name, "PATCH services/" + app.Name,
		"PATCH certificates/" + app.Name, "PATCH ingresses/" + routeOf(app).Name, "PATCH apps/" + app.Name + "/status",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestIdleReconcileAsksForNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*v1alpha1.App){
		"Minimal": func(*v1alpha1.App) {},
		"Everything": func(a *v1alpha1.App) {
			cpu := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000m")}
			ref := &v1alpha1.KeyRef{Name: "c", Key: "k", Optional: new(false)}
			a.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "2026-03-01T12:00:00Z"}
			a.Spec.Env = []v1alpha1.EnvVar{
				{Name: "Z", Value: new("$(A)")},
				{Name: "A", Value: new("")},
				{Name: "PORT", Value: new("1")},
				{Name: "B"},
				{Name: "C", ValueFrom: &v1alpha1.EnvVarSource{ConfigMapKeyRef: ref}},
			}
			a.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu, Limits: cpu}
			a.Spec.ReadinessProbe = &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(80)}},
			}
			a.Spec.LivenessProbe, a.Spec.StartupProbe = a.Spec.ReadinessProbe, a.Spec.ReadinessProbe
			a.Spec.Command, a.Spec.Args, a.Spec.MinReadySeconds = []string{"/web", ""}, []string{"$(A)", ""}, new(int32(0))
			a.Spec.Security = &v1alpha1.AppSecurity{Capabilities: v1alpha1.CapabilitiesNone}
			a.Spec.ImagePullSecrets = []v1alpha1.ImagePullSecret{{Name: "z"}, {Name: "a"}}
			a.Spec.Port = 8080
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := running(t, ns, change)
			before := quiesce(t, ns)
			b := testBase(t, clock.RealClock{})
			r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
			if err := cached.Get(t.Context(), key(app), app); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(t.Context(), app); err != nil {
				t.Fatalf("Reconcile: %v", err)
			}
			if diff := cmp.Diff(before, sent.in(ns)); diff != "" {
				t.Errorf("an idle reconcile asked the API server for something (-before +after):\n%s", diff)
			}
		})
	}
}

// A changed order of the environment is applied, and then the App is idle again.
func TestOrderOfTheEnvironment(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns, func(a *v1alpha1.App) { a.Spec.Env = []v1alpha1.EnvVar{{Name: "A"}, {Name: "B"}, {Name: "C"}} })
	patch(t, app, func(client.Object) {
		app.Spec.Env = []v1alpha1.EnvVar{{Name: "C"}, {Name: "A"}, {Name: "D"}, {Name: "B"}}
	})
	d := awaitDeployment(t, app)
	var got []string
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		got = append(got, e.Name)
	}
	if diff := cmp.Diff([]string{"PORT", "C", "A", "D", "B"}, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	report(t, d, d.Status)
	before := quiesce(t, ns)
	report(t, d, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1})
	if got := quiesce(t, ns)[len(before):]; len(got) > 1 {
		t.Errorf("a change of the Deployment's status took the requests %q, want one for the App's status at most", got)
	}
}
