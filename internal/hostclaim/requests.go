package hostclaim

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// RequestsCount is how long a request of a certificate counts.
	RequestsCount = 24 * time.Hour
	// maxFormer is of how many organizations a claim remembers requests, as its schema says. Those whose last request is the oldest are forgotten.
	maxFormer = 16
)

// afterTransfer returns the status of a claim that another organization gets. If that one had the host within the last day, its requests count again as
// they did.
func afterTransfer(claim *v1alpha1.HostClaim, to string, now time.Time) v1alpha1.HostClaimStatus {
	former := slices.Clone(claim.Status.FormerRequests)
	if from := claim.Spec.Organization; from != "" {
		former = append(former, v1alpha1.FormerRequests{Organization: from, RequestedAt: claim.Status.CertificateRequestedAt})
	}
	var status v1alpha1.HostClaimStatus
	for _, f := range former {
		f.RequestedAt = Counting(f.RequestedAt, now)
		switch {
		case len(f.RequestedAt) == 0:
		case f.Organization == to:
			status.CertificateRequestedAt = f.RequestedAt
		default:
			status.FormerRequests = append(status.FormerRequests, f)
		}
	}
	slices.SortStableFunc(status.FormerRequests, func(a, b v1alpha1.FormerRequests) int { return last(b).Compare(last(a)) })
	status.FormerRequests = status.FormerRequests[:min(len(status.FormerRequests), maxFormer)]
	return status
}

func last(f v1alpha1.FormerRequests) time.Time {
	return slices.MaxFunc(f.RequestedAt, func(a, b metav1.Time) int { return a.Compare(b.Time) }).Time
}

// Counting returns the requests that still count.
func Counting(requested []metav1.Time, now time.Time) []metav1.Time {
	return slices.DeleteFunc(slices.Clone(requested), func(at metav1.Time) bool { return now.Sub(at.Time) >= RequestsCount })
}

// RequestsOf returns when an organization requested certificates for the host of a claim, whether it has the host or had it before.
func RequestsOf(claim *v1alpha1.HostClaim, organization string) []metav1.Time {
	var all []metav1.Time
	if claim.Spec.Organization == organization {
		all = append(all, claim.Status.CertificateRequestedAt...)
	}
	for _, f := range claim.Status.FormerRequests {
		if f.Organization == organization {
			all = append(all, f.RequestedAt...)
		}
	}
	return all
}
