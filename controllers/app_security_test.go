package controllers

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/policy"
)

// The Pod Security level in effect decides what containers may do: the Namespace's label, whoever has set it.
func TestAppFollowsThePodSecurityLevel(t *testing.T) {
	t.Parallel()
	const baseline, restricted = v1alpha1.PodSecurityBaseline, v1alpha1.PodSecurityRestricted
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.PodSecurity = restricted })
	app := newApp(t, ns)
	awaitRestricted(t, app, true)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.PodSecurity = baseline })
	awaitRestricted(t, app, false)
	enforce := func(level string) {
		patch(t, nsNamed(ns), func(o client.Object) {
			labels := o.GetLabels()
			labels[policy.LabelPodSecurity] = level
			o.SetLabels(labels)
		})
	}
	enforce("restricted")
	awaitRestricted(t, app, true)
	enforce("privileged")
	awaitRestricted(t, app, false)

	d := awaitDeployment(t, app)
	enforce("baseline")
	quiesce(t, ns)
	before := d.DeepCopy()
	get(t, d)
	if diff := cmp.Diff(before.Spec, d.Spec); diff != "" {
		t.Errorf("a level that changes nothing for Pods changed the Deployment (-before +after):\n%s", diff)
	}
}

// awaitRestricted waits until the Pods of an App have to run without privileges, or as the container runtime runs them.
func awaitRestricted(t *testing.T, app *v1alpha1.App, want bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
		if err := api.Get(ctx, client.ObjectKeyFromObject(d), d); err != nil {
			return err
		}
		c := d.Spec.Template.Spec.Containers[0].SecurityContext
		empty := c == nil || cmp.Equal(*c, corev1.SecurityContext{})
		nonRoot := c != nil && c.RunAsNonRoot != nil && *c.RunAsNonRoot
		if nonRoot != want || empty == want {
			return fmt.Errorf("the security context is %v, want it to be restricted: %t", c, want)
		}
		return nil
	})
}
