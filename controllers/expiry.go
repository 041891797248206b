package controllers

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
)

const day = 24 * time.Hour

// expirySteps are the times before the end of a custom certificate at which its user is warned, the last one first.
var expirySteps = []struct {
	before time.Duration
	reason string
}{
	{0, v1alpha1.ReasonExpired},
	{1 * day, v1alpha1.ReasonExpiresWithin1Day},
	{7 * day, v1alpha1.ReasonExpiresWithin7Days},
	{30 * day, v1alpha1.ReasonExpiresWithin30Days},
}

// expiring says whether what the route serves is a custom certificate that ends soon, and notes when there will be more to say. Of an
// issuer's, cert-manager takes care.
func (v *serving) expiring(now time.Time) status.Part {
	part := status.Part{
		Type: v1alpha1.ConditionCertificateExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSucceeded, Warning: true,
		Message: "No custom certificate is served.",
	}
	it, kind := v.served()
	if kind != v1alpha1.CertificateCustom || len(it.chain) == 0 {
		return part
	}
	end := it.chain.NotAfter()
	part.Message = fmt.Sprintf("The custom certificate ends on %s.", end.UTC().Format(time.RFC3339))
	for _, step := range expirySteps {
		if left := end.Sub(now) - step.before; left > 0 {
			v.recheck = phase.Sooner(v.recheck, left)
			continue
		}
		part.Status, part.Reason = metav1.ConditionTrue, step.reason
		break
	}
	if part.Reason == v1alpha1.ReasonExpired {
		part.Message = fmt.Sprintf("The custom certificate ended on %s and is served for lack of a better one.", end.UTC().Format(time.RFC3339))
	}
	return part
}
