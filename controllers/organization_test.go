package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
)

// annotate changes annotations of a Namespace; an empty value takes one away.
func annotate(t *testing.T, name string, annotations map[string]string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	patch(t, ns, func(client.Object) {
		for k, v := range annotations {
			metav1.SetMetaDataAnnotation(&ns.ObjectMeta, k, v)
			if v == "" {
				delete(ns.Annotations, k)
			}
		}
	})
}

// complaint waits for a warning about a Namespace that contains some words.
func complaint(t *testing.T, ns, reason, words string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := api.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault)); err != nil {
			return err
		}
		var got []string
		for _, e := range list.Items {
			if e.Regarding.Kind != "Namespace" || e.Regarding.Name != ns {
				continue
			}
			if e.Type == corev1.EventTypeWarning && e.Reason == reason && strings.Contains(e.Note, words) {
				return nil
			}
			got = append(got, e.Reason+": "+e.Note)
		}
		return fmt.Errorf("events %q, want one with the reason %s that says %q", got, reason, words)
	})
}

func roleBinding(ns, name string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{ObjectMeta: named(ns, name)}
}

// awaitBinding waits until a RoleBinding is as the organization is to have it.
func awaitBinding(t *testing.T, ns string, b access.Binding) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		got := roleBinding(ns, b.Name)
		if err := api.Get(ctx, key(got), got); err != nil {
			return err
		}
		want := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: b.ClusterRole}
		if diff := cmp.Diff(want, got.RoleRef) + cmp.Diff(b.Subjects, got.Subjects); diff != "" {
			return fmt.Errorf("RoleBinding %s (-want +got):\n%s", b.Name, diff)
		}
		return nil
	})
}

// What an organization has is there, and again as soon as somebody deletes or changes it.
func TestOrganizationKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	for _, b := range access.Bindings(ns, testenv.Namespace) {
		awaitBinding(t, ns, b)
		remove(t, roleBinding(ns, b.Name))
		awaitBinding(t, ns, b)
		patch(t, roleBinding(ns, b.Name), func(o client.Object) {
			if binding, ok := o.(*rbacv1.RoleBinding); ok {
				binding.Subjects = append(binding.Subjects, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "everybody"})
			}
		})
		awaitBinding(t, ns, b)
	}
	policy := &networkingv1.NetworkPolicy{ObjectMeta: named(ns, "berth")}
	get(t, policy)
	want := policy.Spec
	patch(t, policy, func(client.Object) { policy.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}} })
	same := func(ctx context.Context) error {
		if err := api.Get(ctx, key(policy), policy); err != nil {
			return err
		}
		if diff := cmp.Diff(want.Ingress, policy.Spec.Ingress); diff != "" {
			return fmt.Errorf("ingress (-want +got):\n%s", diff)
		}
		return nil
	}
	eventually(t, same)
	remove(t, policy)
	eventually(t, same)
}

// Without a reason, nothing is written.
func TestOrganizationIsIdle(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	annotate(t, ns, map[string]string{
		v1alpha1.AnnotationQuota: "pods=20, requests.cpu=1000m", v1alpha1.AnnotationDefaultLimits: "memory=0.5Gi",
		v1alpha1.AnnotationDefaultRequests: "cpu=50m",
	})
	for _, o := range []client.Object{&corev1.ResourceQuota{ObjectMeta: named(ns, "berth")}, &corev1.LimitRange{ObjectMeta: named(ns, "berth")}} {
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(o), o) })
	}
	before := quiesce(t, ns)
	annotate(t, ns, map[string]string{"example.com/touched": "yes"})
	after := quiesce(t, ns)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("an organization that has everything is written to (-before +after):\n%s", diff)
	}
}

func TestOrganizationQuota(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	quota := &corev1.ResourceQuota{ObjectMeta: named(ns, "berth")}
	hard := func(want corev1.ResourceList) {
		t.Helper()
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(quota), quota); err != nil {
				return err
			}
			if !equality.Semantic.DeepEqual(want, quota.Spec.Hard) {
				return fmt.Errorf("the quota is %v, want %v", quota.Spec.Hard, want)
			}
			return nil
		})
	}
	absent(t, quota)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: " pods = 20, requests.memory=8Gi"})
	hard(corev1.ResourceList{"pods": resource.MustParse("20"), "requests.memory": resource.MustParse("8Gi")})
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: "pods=30"})
	last := corev1.ResourceList{"pods": resource.MustParse("30")}
	hard(last)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: "pods=many"})
	complaint(t, ns, v1alpha1.ReasonInvalid, `berth.dev/quota is left out of account: pods: "many"`)
	hard(last)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: "beds=4"})
	complaint(t, ns, v1alpha1.ReasonInvalid, "berth.dev/quota is left out of account: The API server refused ResourceQuota berth: spec.hard[beds]")
	hard(last)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: ""})
	awaitAbsent(t, quota)
}

func TestOrganizationDefaults(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	limits := &corev1.LimitRange{ObjectMeta: named(ns, "berth")}
	item := func(requests, limit corev1.ResourceList) {
		t.Helper()
		want := []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, DefaultRequest: requests, Default: limit}}
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(limits), limits); err != nil {
				return err
			}
			if !equality.Semantic.DeepEqual(want, limits.Spec.Limits) {
				return fmt.Errorf("the defaults are %+v, want %+v", limits.Spec.Limits, want)
			}
			return nil
		})
	}
	mebi := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{"memory": resource.MustParse(amount)}
	}
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultLimits: "memory=512Mi"})
	item(mebi("512Mi"), mebi("512Mi"))
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultLimits: "memory=256Mi"})
	item(mebi("256Mi"), mebi("256Mi"))
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultRequests: "memory=64Mi"})
	item(mebi("64Mi"), mebi("256Mi"))
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultRequests: "memory=1Gi"})
	complaint(t, ns, v1alpha1.ReasonInvalid, "berth.dev/default-requests or berth.dev/default-limits is left out of account")
	item(mebi("64Mi"), mebi("256Mi"))
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultRequests: "memory=64Mi", v1alpha1.AnnotationDefaultLimits: ""})
	item(mebi("64Mi"), nil)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultRequests: "64Mi"})
	complaint(t, ns, v1alpha1.ReasonInvalid, `berth.dev/default-requests is left out of account: "64Mi" is not`)
	annotate(t, ns, map[string]string{v1alpha1.AnnotationDefaultRequests: ""})
	awaitAbsent(t, limits)
}

// What somebody else has made isn't touched, and keeps nothing else from being made.
func TestOrganizationWithObjectsOfOthers(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	binding := roleBinding(ns, access.ClusterRoleManager)
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	policy := &networkingv1.NetworkPolicy{ObjectMeta: named(ns, "berth")}
	quota := &corev1.ResourceQuota{ObjectMeta: named(ns, "berth")}
	for _, o := range []client.Object{binding, policy, quota} {
		create(t, o)
		eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(o), o) })
	}
	annotate(t, ns, map[string]string{v1alpha1.AnnotationQuota: "pods=3", v1alpha1.AnnotationDefaultLimits: "memory=1Gi"})
	label(t, ns)
	for _, o := range []client.Object{&corev1.LimitRange{ObjectMeta: named(ns, "berth")}, roleBinding(ns, access.ClusterRoleContributor)} {
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(o), o) })
	}
	for kind, o := range map[string]client.Object{"RoleBinding": binding, "NetworkPolicy": policy, "ResourceQuota": quota} {
		complaint(t, ns, v1alpha1.ReasonNotOwned, kind+" "+o.GetName()+" exists already")
		unchanged(t, o)
		remove(t, o)
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(o), o); err != nil {
				return err
			}
			if !isOrganizations(o) {
				return errNotYet
			}
			return nil
		})
	}
}
