package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
)

// Who had rights in a Namespace that is no organization any more has none. Its Pods, if any still run, stay isolated.
func TestNamespaceStopsBeingAnOrganization(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: "pods=3"})
	quota, policy := &corev1.ResourceQuota{ObjectMeta: named(ns, "berth")}, &networkingv1.NetworkPolicy{ObjectMeta: named(ns, "berth")}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(quota), quota) })
	unrelated := roleBinding(ns, "berth-someone")
	unrelated.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	create(t, unrelated)
	patch(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(o client.Object) {
		labels := o.GetLabels()
		delete(labels, v1alpha1.LabelOrganization)
		o.SetLabels(labels)
	})
	for _, b := range access.Bindings(ns, testenv.Namespace) {
		awaitAbsent(t, roleBinding(ns, b.Name))
	}
	get(t, policy)
	get(t, quota)
	unchanged(t, unrelated)
	label(t, ns)
	for _, b := range access.Bindings(ns, testenv.Namespace) {
		awaitBinding(t, ns, b)
	}
}

// The labels of Pod Security are an administrator's as soon as they say something.
func TestOrganizationPodSecurity(t *testing.T) {
	t.Parallel()
	const enforce, warn = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"
	cases := map[string]struct {
		before map[string]string
		// change is what an administrator sets afterwards; an empty value takes a label away.
		change, want map[string]string
	}{
		"Default":      {want: map[string]string{enforce: "baseline", warn: "baseline"}},
		"Restricted":   {before: map[string]string{enforce: "restricted"}, want: map[string]string{enforce: "restricted"}},
		"Warned":       {before: map[string]string{warn: "restricted"}, want: map[string]string{enforce: "baseline", warn: "restricted"}},
		"SetLater":     {change: map[string]string{enforce: "privileged"}, want: map[string]string{enforce: "privileged"}},
		"TakenAway":    {change: map[string]string{enforce: ""}, want: map[string]string{enforce: "baseline", warn: "baseline"}},
		"WarningLater": {change: map[string]string{warn: "restricted"}, want: map[string]string{enforce: "baseline", warn: "restricted"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(t, tc.before)}}
			label(t, ns.Name)
			eventually(t, func(ctx context.Context) error {
				return api.Get(ctx, key(roleBinding(ns.Name, "berth-manager")), &rbacv1.RoleBinding{})
			})
			if tc.change != nil {
				patch(t, ns, func(client.Object) {
					for k, v := range tc.change {
						ns.Labels[k] = v
						if v == "" {
							delete(ns.Labels, k)
						}
					}
				})
			}
			eventually(t, func(ctx context.Context) error {
				if err := api.Get(ctx, key(ns), ns); err != nil {
					return err
				}
				got := map[string]string{}
				for k, v := range ns.Labels {
					if strings.HasPrefix(k, "pod-security") {
						got[k] = v
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					return fmt.Errorf("labels (-want +got):\n%s", diff)
				}
				return nil
			})
		})
	}
}

// The first App of an organization that is just made gets on at once, and nobody is told that something was refused.
func TestFirstAppOfANewOrganization(t *testing.T) {
	t.Parallel()
	for range 5 {
		ns := namespace(t, nil)
		label(t, ns)
		app := newApp(t, ns)
		deployment := &appsv1.Deployment{ObjectMeta: named(ns, app.Name)}
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(deployment), deployment) })
		get(t, app)
		if got := message(app, v1alpha1.ConditionReady); strings.Contains(got, "refused") {
			t.Errorf("the App says %q", got)
		}
		if strings.Contains(logged.String(), "forbidden") {
			t.Errorf("a write was refused:\n%s", logged)
		}
	}
}
