package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
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
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

func orgNamed(name string) *v1alpha1.Organization {
	return &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// respec changes the spec of an Organization.
func respec(t *testing.T, name string, change func(*v1alpha1.OrganizationSpec)) {
	t.Helper()
	org := orgNamed(name)
	patch(t, org, func(client.Object) { change(&org.Spec) })
}

var readyOrganization = map[string]condition{
	v1alpha1.ConditionReady:          succeeded,
	v1alpha1.ConditionReconciling:    {metav1.ConditionFalse, v1alpha1.ReasonSucceeded},
	v1alpha1.ConditionStalled:        {metav1.ConditionFalse, v1alpha1.ReasonSucceeded},
	v1alpha1.ConditionNamespaceReady: succeeded,
	v1alpha1.ConditionAuthorized:     succeeded,
	v1alpha1.ConditionBounded:        succeeded,
}

// told waits for an event about a cluster-scoped object that contains some words.
func told(t *testing.T, kind, name, reason, words string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := api.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault)); err != nil {
			return err
		}
		var got []string
		for _, e := range list.Items {
			if e.Regarding.Kind != kind || e.Regarding.Name != name {
				continue
			}
			if e.Reason == reason && strings.Contains(e.Note, words) {
				return nil
			}
			got = append(got, e.Reason+": "+e.Note)
		}
		return fmt.Errorf("events %q, want one with the reason %s that says %q", got, reason, words)
	})
}

func roleBinding(ns, name string) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{ObjectMeta: testobjects.Named(ns, name)}
}

// awaitBinding waits until a RoleBinding is as the organization is to have it.
func awaitBinding(t *testing.T, ns string, b rbac.Binding) {
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
	for _, b := range rbac.Bindings(ns, testenv.Namespace) {
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
	policy := &networkingv1.NetworkPolicy{ObjectMeta: testobjects.Named(ns, "berth")}
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
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) {
		s.Quota = testobjects.Amounts("pods", "20", "requests.cpu", "1000m")
		s.DefaultLimits, s.DefaultRequests = testobjects.Amounts("memory", "0.5Gi"), testobjects.Amounts("cpu", "50m")
	})
	for _, o := range []client.Object{
		&corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "berth")}, &corev1.LimitRange{ObjectMeta: testobjects.Named(ns, "berth")},
	} {
		eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(o), o) })
	}
	expect(t, orgNamed(ns), status.CurrentStatus, readyOrganization)
	before := quiesce(t, ns)
	org, touched := orgNamed(ns), nsNamed(ns)
	get(t, org)
	patch(t, touched, func(client.Object) { metav1.SetMetaDataAnnotation(&touched.ObjectMeta, "example.com/touched", "yes") })
	version := org.ResourceVersion
	after := quiesce(t, ns)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("an organization that has everything is written to (-before +after):\n%s", diff)
	}
	get(t, org)
	if org.ResourceVersion != version {
		t.Error("the Organization is written to")
	}
}

// awaitQuota waits until the ResourceQuota of an organization has these limits.
func awaitQuota(t *testing.T, ns string, want corev1.ResourceList) *corev1.ResourceQuota {
	t.Helper()
	quota := &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "berth")}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(quota), quota); err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(want, quota.Spec.Hard) {
			return fmt.Errorf("the quota is %v, want %v", quota.Spec.Hard, want)
		}
		return nil
	})
	return quota
}

func TestOrganizationQuota(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	quota := &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "berth")}
	absent(t, quota)
	set := func(list corev1.ResourceList) { respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Quota = list }) }
	set(testobjects.Amounts("pods", "20", "requests.memory", "8Gi"))
	awaitQuota(t, ns, testobjects.Amounts("pods", "20", "requests.memory", "8Gi"))
	set(testobjects.Amounts("pods", "30"))
	awaitQuota(t, ns, testobjects.Amounts("pods", "30"))
	set(testobjects.Amounts("beds", "4"))
	expect(t, orgNamed(ns), status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady: failing(v1alpha1.ReasonInvalid), v1alpha1.ConditionBounded: failing(v1alpha1.ReasonInvalid),
		v1alpha1.ConditionAuthorized: succeeded,
	})
	says(t, orgNamed(ns), "spec.quota is not valid, so the last valid value stays in effect. The API server refused ResourceQuota berth: spec.hard[beds]")
	awaitQuota(t, ns, testobjects.Amounts("pods", "30"))
	set(nil)
	awaitAbsent(t, quota)
	told(t, "Organization", ns, v1alpha1.ReasonBoundRemoved, "ResourceQuota berth")
	expect(t, orgNamed(ns), status.CurrentStatus, readyOrganization)
}

// A stranger has bounds without a word in the spec; those that the spec names replace them one by one.
func TestOrganizationOfAStranger(t *testing.T) {
	t.Parallel()
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) { s.Trusted = nil })
	org := orgNamed(ns)
	expect(t, org, status.CurrentStatus, readyOrganization)
	want := policy.Quota(v1alpha1.Organization{})
	awaitQuota(t, ns, want)
	limits := &corev1.LimitRange{ObjectMeta: testobjects.Named(ns, "berth")}
	get(t, limits)
	item := corev1.LimitRangeItem{
		Type:           corev1.LimitTypeContainer,
		DefaultRequest: testobjects.Amounts("cpu", "50m", "memory", "128Mi", "ephemeral-storage", "100Mi"),
		Default:        testobjects.Amounts("memory", "512Mi", "ephemeral-storage", "1Gi"),
	}
	if !equality.Semantic.DeepEqual(limits.Spec.Limits, []corev1.LimitRangeItem{item}) {
		t.Errorf("the defaults are %+v, want %+v", limits.Spec.Limits, item)
	}
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Quota = testobjects.Amounts("pods", "5") })
	want["pods"] = resource.MustParse("5")
	awaitQuota(t, ns, want)
	respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.Trusted = new(true) })
	awaitQuota(t, ns, testobjects.Amounts("pods", "5"))
	awaitAbsent(t, limits)
}

func TestOrganizationDefaults(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	limits := &corev1.LimitRange{ObjectMeta: testobjects.Named(ns, "berth")}
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
	set := func(requests, limits corev1.ResourceList) {
		respec(t, ns, func(s *v1alpha1.OrganizationSpec) { s.DefaultRequests, s.DefaultLimits = requests, limits })
	}
	set(nil, testobjects.Amounts("memory", "512Mi"))
	item(testobjects.Amounts("memory", "512Mi"), testobjects.Amounts("memory", "512Mi"))
	set(testobjects.Amounts("memory", "64Mi"), testobjects.Amounts("memory", "256Mi"))
	item(testobjects.Amounts("memory", "64Mi"), testobjects.Amounts("memory", "256Mi"))
	set(testobjects.Amounts("memory", "1Gi"), testobjects.Amounts("memory", "256Mi"))
	says(t, orgNamed(ns), "spec.defaultRequests or spec.defaultLimits is not valid")
	item(testobjects.Amounts("memory", "64Mi"), testobjects.Amounts("memory", "256Mi"))
	set(testobjects.Amounts("memory", "64Mi"), nil)
	item(testobjects.Amounts("memory", "64Mi"), nil)
	set(nil, nil)
	awaitAbsent(t, limits)
}
