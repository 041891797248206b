package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
)

// patchAs changes an object as another field manager.
func patchAs[O client.Object](t *testing.T, manager string, o O, change func(O)) {
	t.Helper()
	get(t, o)
	before, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	change(o)
	if err := api.Patch(t.Context(), o, client.MergeFrom(before), client.FieldOwner(manager)); err != nil {
		t.Fatalf("patch: %v", err)
	}
}

// scaleAs scales a Deployment as the controller of HorizontalPodAutoscalers does, or `kubectl scale`.
func scaleAs(t *testing.T, manager string, d *appsv1.Deployment, replicas int32) {
	t.Helper()
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	if err := api.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale), client.FieldOwner(manager)); err != nil {
		t.Fatalf("scale: %v", err)
	}
}

// expectContested waits until an object's condition Contested is True for a reason, with some words.
func expectContested(t *testing.T, o hasConditions, reason string, words ...string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		c := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionContested)
		if c == nil || c.Reason != reason {
			return fmt.Errorf("condition %+v, want the reason %s", c, reason)
		}
		for _, word := range words {
			if !strings.Contains(c.Message, word) {
				return fmt.Errorf("message %q, want it to contain %q", c.Message, word)
			}
		}
		return nil
	})
}

// A HorizontalPodAutoscaler on the Deployment instead of the App is told, and doesn't make Berth write each time that it does. What the App asks for
// anew is written all the same.
func TestAutoscalerOfTheDeployment(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	d := awaitDeployment(t, app)
	scaled := func(n int32) error {
		get(t, d)
		if got := ptr.Deref(d.Spec.Replicas, 0); got != n {
			return fmt.Errorf("%d replicas, want %d", got, n)
		}
		return nil
	}
	for range 10 {
		scaleAs(t, "kube-controller-manager", d, 3)
		eventually(t, func(context.Context) error { return scaled(1) })
	}
	scaleAs(t, "kube-controller-manager", d, 3)
	expectContested(t, app, v1alpha1.ReasonFieldConflict,
		"spec.replicas (by kube-controller-manager, subresource scale) of Deployment "+app.Name, "at most once a minute",
		"Point the HorizontalPodAutoscaler at App "+app.Name+" instead.")
	before := quiesce(t, ns)
	if err := scaled(3); err != nil {
		t.Error(err)
	}
	scaleAs(t, "kube-controller-manager", d, 4)
	if after := quiesce(t, ns); slices.Contains(after[len(before):], "PATCH deployments/"+app.Name) {
		t.Errorf("the Deployment was written again: %q", after[len(before):])
	}
	patch(t, app, func(client.Object) { app.Spec.Image = "registry.example.com/shop/web:v2" })
	eventually(t, func(context.Context) error {
		get(t, d)
		if got := d.Spec.Template.Spec.Containers[0].Image; got != app.Spec.Image {
			return fmt.Errorf("image %s, want %s", got, app.Spec.Image)
		}
		return scaled(1)
	})
	eventually(t, func(ctx context.Context) error {
		if got, err := announced(ctx, ns); err != nil || !slices.Contains(got, "Warning "+v1alpha1.ReasonFieldConflict) {
			return fmt.Errorf("announced %q (error: %w)", got, err)
		}
		return nil
	})
}

// What others change of Berth's fields is set back and told, whatever object it is.
func TestContestedIsSetBack(t *testing.T) {
	ns := organization(t)
	app := running(t, ns)
	org := &v1alpha1.Organization{}
	org.Name = ns
	cases := map[string]struct {
		object client.Object
		change func(client.Object)
		owner  hasConditions
		says   string
	}{
		"Image": {
			object: &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)}, owner: app,
			change: on(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "other" }),
			says:   `spec.template.spec.containers[name="app"].image (by Image) of Deployment `,
		},
		"Paused": {
			object: &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)}, owner: app,
			change: on(func(d *appsv1.Deployment) { d.Spec.Paused = true }),
			says:   `spec.paused (by Paused) of Deployment `,
		},
		"Service": {
			object: &corev1.Service{ObjectMeta: testobjects.Named(ns, app.Name)}, owner: app,
			change: on(func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(1) }),
			says:   `.targetPort (by Service) of Service `,
		},
		"Ingress": {
			object: routeOf(app), owner: app,
			change: on(func(i *networkingv1.Ingress) { i.Spec.IngressClassName = new("other") }),
			says:   `spec.ingressClassName (by Ingress) of Ingress `,
		},
		"Label": {
			object: &corev1.Service{ObjectMeta: testobjects.Named(ns, app.Name)}, owner: app,
			change: on(func(s *corev1.Service) { s.Labels[v1alpha1.LabelApp] = "other" }),
			says:   `metadata.labels.berth.dev/app (by Label) of Service `,
		},
		"NetworkPolicy": {
			object: &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, names.OrganizationObject)}, owner: org,
			change: on(func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil }),
			says:   `fields that are removed from NetworkPolicy `,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			get(t, tc.object)
			spec := settings(tc.object)
			for range 2 { // Of what is removed, nothing tells at first that it was there.
				patchAs(t, name, tc.object, tc.change)
				eventually(t, func(context.Context) error {
					get(t, tc.object)
					if got := settings(tc.object); !equality.Semantic.DeepEqual(spec, got) {
						return fmt.Errorf("not set back: %+v, want %+v", got, spec)
					}
					return nil
				})
			}
			expectContested(t, tc.owner, v1alpha1.ReasonFieldConflict, tc.says)
		})
	}
}

// on returns a change of an object of one kind.
func on[O client.Object](change func(O)) func(client.Object) {
	return func(o client.Object) {
		if o, ok := o.(O); ok {
			change(o)
		}
	}
}

// settings returns what Berth sets of an object.
func settings(o client.Object) any {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return []any{o.Labels, *o.Spec.DeepCopy()}
	case *corev1.Service:
		return []any{o.Labels, *o.Spec.DeepCopy()}
	case *networkingv1.Ingress:
		return []any{o.Labels, *o.Spec.DeepCopy()}
	case *networkingv1.NetworkPolicy:
		return []any{o.Labels, *o.Spec.DeepCopy()}
	default:
		return nil
	}
}

// What others add to the Deployment stays, and is told for as long; a restart by kubectl is not.
func TestForeignFieldsAreTold(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	d := awaitDeployment(t, app)
	patchAs(t, "kubectl-rollout", d, func(d *appsv1.Deployment) {
		d.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"}
	})
	quiesce(t, ns)
	get(t, app)
	if c := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionContested); c != nil {
		t.Errorf("a restart is contested: %+v", c)
	}
	patchAs(t, "kubectl-set", d, func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: "FOO", Value: "bar"})
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
	})
	expectContested(t, app, v1alpha1.ReasonForeignFields,
		`spec.template.spec.containers[name="app"].env[name="FOO"] (by kubectl-set)`,
		`spec.template.spec.containers[name="app"].resources (by kubectl-set)`)
	before := quiesce(t, ns)
	b := testBase(t, clock.RealClock{})
	r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
	if err := cached.Get(t.Context(), key(app), app); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if after := sent.in(ns); len(after) != len(before) {
		t.Errorf("an idle reconcile asked the API server for something: %q", after[len(before):])
	}
	patch(t, app, func(client.Object) { app.Spec.Image = "registry.example.com/shop/web:v2" })
	awaitStatus(t, app)
	expectContested(t, app, v1alpha1.ReasonForeignFields, "FOO")
	get(t, d)
	if got := d.Spec.Template.Annotations["kubectl.kubernetes.io/restartedAt"]; got != "now" {
		t.Errorf("restartedAt = %q after a change of the App", got)
	}
	patchAs(t, "kubectl-set", d, func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "FOO" })
		c.Resources = corev1.ResourceRequirements{}
	})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(app), app); err != nil || meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionContested) != nil {
			return errNotYet
		}
		return nil
	})
}
