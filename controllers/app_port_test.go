package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// withPortFrom has env take PORT from key port of a Secret or a ConfigMap.
func withPortFrom(kind, name string) func(*v1alpha1.App) {
	from := &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: name, Key: "port"}}
	if kind == "ConfigMap" {
		from = &v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: name, Key: "port"}}
	}
	return func(a *v1alpha1.App) { a.Spec.Env = append(a.Spec.Env, v1alpha1.EnvVar{Name: "PORT", ValueFrom: from}) }
}

// holdPort makes what withPortFrom names.
func holdPort(t *testing.T, ns, kind, name, value string) client.Object {
	t.Helper()
	var o client.Object = &corev1.Secret{ObjectMeta: testobjects.Named(ns, name), StringData: map[string]string{"port": value}}
	if kind == "ConfigMap" {
		o = &corev1.ConfigMap{ObjectMeta: testobjects.Named(ns, name), Data: map[string]string{"port": value}}
	}
	create(t, o)
	return o
}

// servedAt reports which port a Deployment's container serves on, and what env says of PORT.
func servedAt(d *appsv1.Deployment) (containerPort int32, variable string) {
	c := d.Spec.Template.Spec.Containers[0]
	for _, e := range c.Env {
		if e.Name == "PORT" {
			variable = e.Value
		}
	}
	return c.Ports[0].ContainerPort, variable
}

// awaitPort waits until the Deployment of an App serves on a port.
func awaitPort(t *testing.T, app *v1alpha1.App, want int32) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: testobjects.Named(app.Namespace, app.Name)}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(d), d); err != nil {
			return err
		}
		if got, _ := servedAt(d); got != want {
			return fmt.Errorf("the container serves on port %d, want %d", got, want)
		}
		return nil
	})
	return d
}

func TestPortOfApp(t *testing.T) {
	t.Parallel()
	specPort := func(a *v1alpha1.App) { a.Spec.Port = 8080 }
	cases := map[string]struct {
		changes []func(*v1alpha1.App)
		// kind and value are of an object that PORT is taken from.
		kind, value string
		port        int32
		variable    string
	}{
		"Nothing":           {port: 80, variable: "80"},
		"Spec":              {changes: []func(*v1alpha1.App){specPort}, port: 8080, variable: "8080"},
		"Env":               {changes: []func(*v1alpha1.App){testobjects.WithPort("3000")}, port: 3000, variable: "3000"},
		"EnvEmpty":          {changes: []func(*v1alpha1.App){testobjects.WithPort("")}, port: 80},
		"EnvOfSpec":         {changes: []func(*v1alpha1.App){specPort, testobjects.WithPort("9000")}, port: 8080, variable: "9000"},
		"EnvOfSpecIsNumber": {changes: []func(*v1alpha1.App){specPort, testobjects.WithPort("abc")}, port: 8080, variable: "abc"},
		"Secret":            {kind: "Secret", value: "3000", port: 3000},
		"SecretByEcho":      {kind: "Secret", value: "3000\n", port: 3000},
		"SecretEmpty":       {kind: "Secret", value: "", port: 80},
		"ConfigMap":         {kind: "ConfigMap", value: "4000", port: 4000},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			if tc.kind != "" {
				holdPort(t, ns, tc.kind, "held", tc.value)
				tc.changes = append(tc.changes, withPortFrom(tc.kind, "held"))
			}
			app := newApp(t, ns, tc.changes...)
			d := awaitPort(t, app, tc.port)
			if _, variable := servedAt(d); variable != tc.variable {
				t.Errorf("PORT is %q, want %q", variable, tc.variable)
			}
			if got := d.Spec.Template.Spec.Containers[0].ReadinessProbe.TCPSocket.Port; got != intstr.FromString("http") {
				t.Errorf("the probe asks port %s", got.String())
			}
		})
	}
}

// An App that names no valid port says so without the value, and its Deployment stays as it is until that is corrected.
func TestInvalidPortKeepsTheVersionThatRuns(t *testing.T) {
	t.Parallel()
	const value = "s3cret"
	cases := map[string]struct {
		kind   string
		words  []string
		status status.Status
	}{
		"Literal":   {words: []string{"The variable PORT of env must be a number from 1 to 65535."}, status: status.FailedStatus},
		"Secret":    {kind: "Secret", words: []string{"PORT", "key port of Secret held"}, status: status.FailedStatus},
		"ConfigMap": {kind: "ConfigMap", words: []string{"PORT", "key port of ConfigMap held"}, status: status.FailedStatus},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := newApp(t, ns)
			before := awaitDeployment(t, app)
			report(t, before, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
			change := testobjects.WithPort(value)
			if tc.kind != "" {
				holdPort(t, ns, tc.kind, "held", value)
				change = withPortFrom(tc.kind, "held")
			}
			patch(t, app, func(client.Object) {
				app.Spec.Image += "-new"
				change(app)
			})
			expect(t, app, tc.status, map[string]condition{
				v1alpha1.ConditionReady:              failing(v1alpha1.ReasonInvalidPort),
				v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonInvalidPort),
				v1alpha1.ConditionAvailable:          failing(v1alpha1.ReasonPending),
			})
			said := fmt.Sprint(app.Status.Conditions)
			if missing := slices.ContainsFunc(tc.words, func(w string) bool { return !strings.Contains(said, w) }); missing || strings.Contains(said, value) {
				t.Errorf("the conditions %s have no %q, or the value", said, tc.words)
			}
			if got := app.Status.ReadyReplicas; got == nil || *got != 1 {
				t.Errorf("ready replicas %v, want those of the version that runs", got)
			}
			get(t, before)
			if image := before.Spec.Template.Spec.Containers[0].Image; strings.HasSuffix(image, "-new") {
				t.Errorf("the Deployment runs %s", image)
			}
			patch(t, app, func(client.Object) { app.Spec.Port = 9000 })
			awaitPort(t, app, 9000)
		})
	}
}

// A port is read once for a version of the App, and again when it changes or is restarted.
func TestPortIsReadOnce(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	held, ok := holdPort(t, ns, "ConfigMap", "held", "3000").(*corev1.ConfigMap)
	if !ok {
		t.Fatal("not a ConfigMap")
	}
	app := newApp(t, ns, withPortFrom("ConfigMap", "held"))
	awaitPort(t, app, 3000)
	reads := func() int {
		n := 0
		for _, request := range quiesce(t, ns) {
			if request == "GET configmaps/held" {
				n++
			}
		}
		return n
	}
	before := reads()
	patch(t, held, func(client.Object) { held.Data["port"] = "4000" })
	report(t, awaitDeployment(t, app), appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1})
	if after := reads(); before != 1 || after != before {
		t.Errorf("the ConfigMap was read %d times, then %d times, want once", before, after)
	}
	patch(t, app, func(client.Object) {
		app.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "2026-03-01T12:00:00Z"}
	})
	awaitPort(t, app, 4000)
}

// A port in an object that is not there yet is waited for.
func TestPortThatIsNotThere(t *testing.T) {
	t.Parallel()
	cases := map[string]string{"Secret": v1alpha1.ReasonSecretNotFound, "ConfigMap": v1alpha1.ReasonConfigMapNotFound}
	for kind, reason := range cases {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := newApp(t, ns, withPortFrom(kind, "held"))
			expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: failing(reason)})
			absent(t, &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)})
			holdPort(t, ns, kind, "held", "3000")
			patch(t, app, func(client.Object) { app.Spec.Replicas = new(int32(2)) })
			awaitPort(t, app, 3000)
		})
	}
}
