package controllers

import (
	"context"
	"fmt"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

func TestAppOutsideOfAnOrganization(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	app := newApp(t, ns)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
	stalled := failing(v1alpha1.ReasonNotInOrganization)
	expect(t, app, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady:              stalled,
		v1alpha1.ConditionReconciling:        stalled,
		v1alpha1.ConditionStalled:            {"True", v1alpha1.ReasonNotInOrganization},
		v1alpha1.ConditionReferencesResolved: pending,
		v1alpha1.ConditionAvailable:          pending,
		v1alpha1.ConditionCertificateReady:   pending,
		v1alpha1.ConditionRouteReady:         pending,
	})
	absent(t, &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)})
	label(t, ns)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
}

// In an organization that is being deleted, nothing is made again.
func TestAppOfADeletedOrganization(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	d := awaitDeployment(t, app)
	leaving := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	remove(t, leaving)
	awaitGoing(t, leaving)
	before := len(sent.in(ns))
	remove(t, d)
	patch(t, app, func(client.Object) { app.Spec.Image += "-new" })
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(app), app); err != nil || app.Status.ObservedGeneration != app.Generation {
			return errNotYet
		}
		return nil
	})
	says(t, app, "is being deleted")
	// The status may be written once more for the organization's end itself.
	for _, request := range sent.in(ns)[before:] {
		if request != "PATCH apps/"+app.Name+"/status" {
			t.Errorf("the operator sent %s, want it to write the status alone", request)
		}
	}
}

// What somebody else has made is never taken over, and the App goes on when it goes.
func TestAppLeavesOthersObjectsAlone(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"mine": "yes"}
	cases := map[string]struct {
		foreign   func(meta metav1.ObjectMeta) client.Object
		condition string
	}{
		"Deployment": {condition: v1alpha1.ConditionAvailable, foreign: func(m metav1.ObjectMeta) client.Object {
			return &appsv1.Deployment{ObjectMeta: m, Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "other"}}},
				},
			}}
		}},
		"Service": {condition: v1alpha1.ConditionRouteReady, foreign: func(m metav1.ObjectMeta) client.Object {
			return &corev1.Service{ObjectMeta: m, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}}
		}},
		"Certificate": {condition: v1alpha1.ConditionCertificateReady, foreign: func(m metav1.ObjectMeta) client.Object {
			return &cmv1.Certificate{ObjectMeta: m, Spec: cmv1.CertificateSpec{
				SecretName: "mine", DNSNames: []string{"mine.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "mine"},
			}}
		}},
	}
	for kind, tc := range cases {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			foreign := tc.foreign(metav1.ObjectMeta{Namespace: ns, Name: "web-" + ns[len(ns)-5:]})
			create(t, foreign)
			version := foreign.GetResourceVersion()
			eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(foreign), tc.foreign(metav1.ObjectMeta{})) })
			app := newApp(t, ns, func(a *v1alpha1.App) { a.Name = foreign.GetName() })
			expect(t, app, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady:   failing(v1alpha1.ReasonNotOwned),
				v1alpha1.ConditionStalled: {"True", v1alpha1.ReasonNotOwned},
				tc.condition:              failing(v1alpha1.ReasonNotOwned),
			})
			want := kind + " " + app.Name + " exists already and belongs to somebody else."
			if diff := cmp.Diff(want, message(app, v1alpha1.ConditionReady)); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			get(t, foreign)
			if foreign.GetResourceVersion() != version {
				t.Errorf("the %s was written: %+v", kind, foreign.GetManagedFields())
			}
			remove(t, foreign)
			expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReady: working})
		})
	}
}

// What others change of Berth's objects is set right, and what they take away is made again.
func TestAppRepairsItsObjects(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	d := &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)}
	patch(t, d, func(client.Object) {
		d.Spec.Template.Spec.Containers[0].Image = "registry.example.com/other"
		d.Spec.Replicas = ptr.To[int32](5)
		d.Labels = nil
	})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(d), d); err != nil {
			return err
		}
		image, replicas := d.Spec.Template.Spec.Containers[0].Image, *d.Spec.Replicas
		if image != app.Spec.Image || replicas != 1 || d.Labels[v1alpha1.LabelApp] != app.Name {
			return fmt.Errorf("image %s, %d replicas, labels %v", image, replicas, d.Labels)
		}
		return nil
	})
	ingress := routeOf(app)
	get(t, ingress)
	gone := ingress.GetUID()
	remove(t, ingress)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(ingress), ingress); err != nil {
			return err
		}
		if ingress.GetUID() == gone {
			return errNotYet
		}
		return nil
	})
}

// What must not replace Pods doesn't change their template; what must does.
func TestAppTemplate(t *testing.T) {
	t.Parallel()
	const restarted = "kubectl.kubernetes.io/restartedAt"
	app := func(change func(*v1alpha1.App)) func(*testing.T, *v1alpha1.App) {
		return func(t *testing.T, a *v1alpha1.App) {
			t.Helper()
			patch(t, a, func(client.Object) { change(a) })
		}
	}
	cases := map[string]struct {
		change func(*testing.T, *v1alpha1.App)
		// ignored means that the controllers have nothing at all to do.
		ignored bool
		rollout bool
	}{
		"Dataset": {change: app(func(a *v1alpha1.App) { a.Spec.Dataset = v1alpha1.DatasetTesting })},
		"Scale":   {change: app(func(a *v1alpha1.App) { a.Spec.Replicas = ptr.To[int32](3) })},
		"Labels":  {change: app(func(a *v1alpha1.App) { a.Labels = map[string]string{"team": "shop"} }), ignored: true},
		"Image":   {change: app(func(a *v1alpha1.App) { a.Spec.Image += "-new" }), rollout: true},
		"Env":     {change: app(func(a *v1alpha1.App) { a.Spec.Env = []v1alpha1.EnvVar{{Name: "A"}} }), rollout: true},
		"Restart": {change: app(func(a *v1alpha1.App) {
			a.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "2026-03-01T12:00:00Z"}
		}), rollout: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			a := running(t, ns)
			d := &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, a.Name)}
			// As `kubectl rollout restart` does.
			patch(t, d, func(client.Object) {
				d.Spec.Template.Annotations = map[string]string{restarted: "2026-01-01T00:00:00Z"}
			})
			before := d.Spec.Template.DeepCopy()
			settled := len(quiesce(t, ns))
			tc.change(t, a)
			eventually(t, func(context.Context) error {
				if !tc.ignored && len(sent.in(ns)) == settled {
					return errNotYet
				}
				return nil
			})
			quiesce(t, ns)
			get(t, d)
			if changed := !cmp.Equal(before, &d.Spec.Template); changed != tc.rollout {
				t.Errorf("template changed: %t, want %t:\n%s", changed, tc.rollout, cmp.Diff(before, &d.Spec.Template))
			}
			if d.Spec.Template.Annotations[restarted] == "" {
				t.Error("the annotation of kubectl rollout restart is gone")
			}
			get(t, a)
			if got, want := *d.Spec.Replicas, *a.Spec.Replicas; got != want {
				t.Errorf("the Deployment has %d replicas, want %d", got, want)
			}
		})
	}
}

func TestAppRefusedByTheAPIServer(t *testing.T) {
	t.Parallel()
	cpu := func(n string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(n)}
	}
	check := corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/check"}}}
	cases := map[string]struct {
		prepare func(t *testing.T, ns string)
		change  func(*v1alpha1.App)
		want    string
	}{
		"Invalid": {
			change: func(a *v1alpha1.App) {
				a.Spec.Resources = &corev1.ResourceRequirements{Requests: cpu("2"), Limits: cpu("1")}
			},
			want: "spec.template.spec.containers[0].resources.requests",
		},
		"InvalidReadinessProbe": {
			change: func(a *v1alpha1.App) { a.Spec.ReadinessProbe = &corev1.Probe{PeriodSeconds: 5} },
			want:   "spec.template.spec.containers[0].readinessProbe",
		},
		"InvalidLivenessProbe": {
			change: func(a *v1alpha1.App) { a.Spec.LivenessProbe = &corev1.Probe{ProbeHandler: check, SuccessThreshold: 2} },
			want:   "spec.template.spec.containers[0].livenessProbe.successThreshold",
		},
		"InvalidStartupProbe": {
			change: func(a *v1alpha1.App) { a.Spec.StartupProbe = &corev1.Probe{ProbeHandler: check, PeriodSeconds: -1} },
			want:   "spec.template.spec.containers[0].startupProbe.periodSeconds",
		},
		"InvalidVariable": {
			change: func(a *v1alpha1.App) {
				ref := &v1alpha1.KeyRef{Name: "Not A Name", Key: "k"}
				a.Spec.Env = []v1alpha1.EnvVar{{Name: "A", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}}
			},
			want: "env[1].valueFrom.secretKeyRef.name is invalid",
		},
		"Quota": {
			prepare: func(t *testing.T, ns string) {
				t.Helper()
				forbidDeployments(t, ns)
			},
			change: func(*v1alpha1.App) {},
			want:   "quota",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			if tc.prepare != nil {
				tc.prepare(t, ns)
			}
			app := newApp(t, ns, tc.change)
			expect(t, app, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady:      failing(v1alpha1.ReasonInvalid),
				v1alpha1.ConditionStalled:    {"True", v1alpha1.ReasonInvalid},
				v1alpha1.ConditionAvailable:  failing(v1alpha1.ReasonInvalid),
				v1alpha1.ConditionRouteReady: succeeded,
			})
			says(t, app, tc.want)
		})
	}
}

// The garbage collector removes the objects of an App that is being deleted; nothing makes them again.
func TestAppBeingDeleted(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns, func(a *v1alpha1.App) { a.Finalizers = []string{"example.com/wait"} })
	remove(t, app)
	awaitGoing(t, app)
	quiesce(t, ns) // A reconcile may have begun before.
	service := &corev1.Service{ObjectMeta: testobjects.Named(ns, app.Name)}
	remove(t, service)
	settle()
	absent(t, service)
	patch(t, app, func(o client.Object) { o.SetFinalizers(nil) })
}
