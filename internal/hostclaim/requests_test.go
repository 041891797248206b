package hostclaim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// Organizations that hand a host to each other have no more certificates than each may have.
func TestRequestsOutliveATransfer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }
	verified := ago(time.Minute)
	claim := &v1alpha1.HostClaim{
		Spec: v1alpha1.HostClaimSpec{Organization: "acme"},
		Status: v1alpha1.HostClaimStatus{
			VerifiedAt: &verified, CertificateRequestedAt: []metav1.Time{ago(25 * time.Hour), ago(2 * time.Hour), ago(time.Hour)},
		},
	}
	bind := func(organization string) {
		holder := v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: "www"}
		hostclaim.Bind(claim, hostclaim.Claimant{Organization: organization, Holder: holder}, now)
	}
	bind("rival")
	want := v1alpha1.HostClaimStatus{
		FormerRequests: []v1alpha1.FormerRequests{{Organization: "acme", RequestedAt: []metav1.Time{ago(2 * time.Hour), ago(time.Hour)}}},
	}
	if diff := cmp.Diff(want, claim.Status); diff != "" {
		t.Fatalf("after the transfer (-want +got):\n%s", diff)
	}
	claim.Status.CertificateRequestedAt = []metav1.Time{ago(0)}
	bind("acme")
	want = v1alpha1.HostClaimStatus{
		CertificateRequestedAt: []metav1.Time{ago(2 * time.Hour), ago(time.Hour)},
		FormerRequests:         []v1alpha1.FormerRequests{{Organization: "rival", RequestedAt: []metav1.Time{ago(0)}}},
	}
	if diff := cmp.Diff(want, claim.Status); diff != "" {
		t.Fatalf("after it is transferred back (-want +got):\n%s", diff)
	}
	for organization, count := range map[string]int{"acme": 2, "rival": 1, "third": 0} {
		if got := hostclaim.RequestsOf(claim, organization); len(got) != count {
			t.Errorf("%s has %d requests, want %d", organization, len(got), count)
		}
	}

	for i := range 40 {
		claim.Status.CertificateRequestedAt = []metav1.Time{ago(time.Duration(40-i) * time.Minute)}
		bind(fmt.Sprintf("org-%d", i))
	}
	if got := len(claim.Status.FormerRequests); got != 16 || claim.Status.FormerRequests[1].Organization != "org-38" {
		t.Errorf("%d former organizations are remembered, the second %s", got, claim.Status.FormerRequests[1].Organization)
	}
	now = now.Add(25 * time.Hour)
	bind("later")
	if len(claim.Status.FormerRequests) > 0 {
		t.Errorf("requests are remembered that count no more: %v", claim.Status.FormerRequests)
	}
}
