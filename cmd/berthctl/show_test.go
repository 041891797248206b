package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// No operator runs in these tests, so they make what it would.
func TestOrganizationDetails(t *testing.T) {
	org := found(t, "shown", "--quota", "pods=50, requests.memory=8Gi", "--trusted")
	if err := cluster.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shown"}}); err != nil {
		t.Fatal(err)
	}
	if got := must(t, "org", "show", "shown"); !strings.Contains(got, "QUOTA         none") || !strings.Contains(got, "ISOLATED      no") {
		t.Errorf("org show, before the operator has seen it: got\n%s", got)
	}

	meta := metav1.ObjectMeta{Namespace: "shown", Name: "berth"}
	hard := corev1.ResourceList{"pods": resource.MustParse("50"), "requests.memory": resource.MustParse("8Gi")}
	quota := &corev1.ResourceQuota{ObjectMeta: meta, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
	for _, o := range []client.Object{quota, &networkingv1.NetworkPolicy{ObjectMeta: meta}} {
		if err := cluster.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	quota.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: corev1.ResourceList{"pods": resource.MustParse("3")}}
	if err := cluster.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	report(t, org, "id", metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Succeeded", Message: "All is well."})
	shown := decode[organizationDetails](t, must(t, "org", "show", "shown", "-o", "json"))
	details := organizationDetails{
		organization: organization{Name: "shown", Ready: true, Trusted: true, ExternalID: "id", Created: org.CreationTimestamp.UTC()},
		Message:      "All is well.", Isolated: true,
		TrustPolicy: newTrustPolicy(anyPrincipal, "id"),
		Quota:       map[string]usage{"pods": {Hard: "50", Used: "3"}, "requests.memory": {Hard: "8Gi"}},
	}
	if diff := cmp.Diff(details, shown, cmp.AllowUnexported(organizationDetails{})); diff != "" {
		t.Errorf("org show -o json: -want, +got:\n%s", diff)
	}
	got := must(t, "org", "show", "shown")
	for _, line := range []string{
		"NAME          shown", "READY         yes", "TRUSTED       yes", "ISOLATED      yes", "QUOTA         pods 50, 3 used",
		"requests.memory 8Gi, not counted yet",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("org show doesn't say %q:\n%s", line, got)
		}
	}
}
