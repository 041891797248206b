package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// found creates an organization without waiting for the operator, which does not run in these tests.
func found(t *testing.T, name string, args ...string) *v1alpha1.Organization {
	t.Helper()
	must(t, append([]string{"org", "create", name, "--wait=0"}, args...)...)
	org := &v1alpha1.Organization{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Name: name}, org); err != nil {
		t.Fatal(err)
	}
	return org
}

// report writes the status of an Organization, as the operator does.
func report(t *testing.T, org *v1alpha1.Organization, externalID string, conditions ...metav1.Condition) {
	t.Helper()
	for i := range conditions {
		conditions[i].LastTransitionTime = metav1.Now()
	}
	org.Status = v1alpha1.OrganizationStatus{ObservedGeneration: org.Generation, ExternalID: externalID, Conditions: conditions}
	if err := cluster.Status().Update(t.Context(), org); err != nil {
		t.Fatal(err)
	}
}

func TestOrganizations(t *testing.T) {
	org := found(t, "cowork", "--quota", "pods=50, requests.memory=8Gi", "--default-requests", "cpu=50m", "--default-limits", "memory=1Gi",
		"--trusted", "--host-verification", "Required", "--pod-security", "restricted", "--allow-issuer", "corporate", "--allow-issuer", "Issuer/own",
		"--allow-issuer", "VaultIssuer.example.com/v", "--allow-registry", "ghcr.io/acme/*", "--allow-registry", "docker.io", "--deny-registry", "quay.io")
	want := v1alpha1.OrganizationSpec{
		Trusted:         new(true),
		Quota:           corev1.ResourceList{"pods": resource.MustParse("50"), "requests.memory": resource.MustParse("8Gi")},
		DefaultRequests: corev1.ResourceList{"cpu": resource.MustParse("50m")},
		DefaultLimits:   corev1.ResourceList{"memory": resource.MustParse("1Gi")},
		PodSecurity:     v1alpha1.PodSecurityRestricted, HostVerification: v1alpha1.HostVerificationRequired,
		AllowedIssuers: []v1alpha1.IssuerRef{
			{Name: "corporate", Kind: "ClusterIssuer", Group: "cert-manager.io"},
			{Name: "own", Kind: "Issuer", Group: "cert-manager.io"},
			{Name: "v", Kind: "VaultIssuer", Group: "example.com"},
		},
		AllowedRegistries: []string{"ghcr.io/acme/*", "docker.io"}, DeniedRegistries: []string{"quay.io"},
	}
	if diff := cmp.Diff(want, org.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	var names []string
	for _, o := range decode[[]organization](t, must(t, "org", "list", "-o", "json")) {
		names = append(names, o.Name)
	}
	if !slices.Contains(names, "cowork") || !slices.IsSorted(names) { // Other tests have theirs.
		t.Errorf("org list: got %q, want cowork among them, in order", names)
	}
	if got := must(t, "org", "list"); !strings.HasPrefix(got, "NAME") || !strings.Contains(got, "\ncowork ") {
		t.Errorf("org list: got\n%s", got)
	}

	if _, warning, err := berthctl(t, "org", "delete", "cowork"); err == nil || !strings.Contains(warning, "everything") {
		t.Errorf("org delete without --yes: got %v and the warning %q", err, warning)
	}
	must(t, "org", "delete", "cowork", "--yes")
	if err := cluster.Get(t.Context(), client.ObjectKey{Name: "cowork"}, org); !apierrors.IsNotFound(err) {
		t.Errorf("org delete --yes: the Organization is still there (error: %v)", err)
	}
}

// TestWait says that an organization is created once the operator has set it up, and why it is not.
func TestWait(t *testing.T) {
	cases := map[string]struct {
		conditions []metav1.Condition
		want       string
	}{
		"no-operator": {want: "the operator did not reconcile it within 2s"},
		"ready":       {conditions: []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Succeeded", Message: "All is well."}}},
		"stalled": {
			conditions: []metav1.Condition{
				{Type: "Stalled", Status: "True", Reason: "NotOwned", Message: "It exists."}, {Type: "Ready", Status: "False", Reason: "NotOwned", Message: "It exists."},
			},
			want: "not ready: It exists.",
		},
		"slow": {
			conditions: []metav1.Condition{{Type: "Ready", Status: "False", Reason: "Progressing", Message: "It is being deleted."}},
			want:       "not ready after 2s: It is being deleted.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() {
				_, _, err := berthctl(t, "org", "create", "wait-"+name, "--wait=2s")
				done <- err
			}()
			if tc.conditions != nil {
				org := &v1alpha1.Organization{}
				testenv.Eventually(t, func(ctx context.Context) error { return cluster.Get(ctx, client.ObjectKey{Name: "wait-" + name}, org) })
				report(t, org, "", tc.conditions...)
			}
			err := <-done
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

// TestLabelledNamespace says that a Namespace with the label may become an organization.
func TestLabelledNamespace(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "labelled", Labels: map[string]string{v1alpha1.LabelOrganization: "labelled"}}}
	if err := cluster.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	found(t, "labelled")
}
