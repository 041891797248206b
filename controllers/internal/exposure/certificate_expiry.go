package exposure

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// Day is the unit in which the rest of a certificate's life is told.
const Day = 24 * time.Hour

// expirySteps are the times before the end of a certificate at which its user is warned, the last one first.
var expirySteps = []struct {
	before time.Duration
	reason string
}{
	{0, v1alpha1.ReasonExpired},
	{1 * Day, v1alpha1.ReasonExpiresWithin1Day},
	{7 * Day, v1alpha1.ReasonExpiresWithin7Days},
	{30 * Day, v1alpha1.ReasonExpiresWithin30Days},
}

// Expiring says whether the certificate that the route serves ends soon and has not been replaced, and notes when there will be more to say.
func (v *Rotation) Expiring(now time.Time) conditions.Part {
	it, kind := v.served()
	switch {
	case len(it.chain) == 0:
		return conditions.Part{
			Type: v1alpha1.ConditionCertificateExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSucceeded, Warning: true,
			Message: "No certificate is served that Berth looks after.",
		}
	case kind == v1alpha1.CertificateCustom:
		return v.customExpiring(it, now)
	default:
		return v.renewing(it, now)
	}
}

// customExpiring says whether a custom certificate ends soon, which only the user can replace.
func (v *Rotation) customExpiring(it candidate, now time.Time) conditions.Part {
	end := it.chain.NotAfter()
	part := conditions.Part{
		Type: v1alpha1.ConditionCertificateExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSucceeded, Warning: true,
		Message: fmt.Sprintf("The custom certificate ends on %s.", rfc3339(end)),
	}
	if reason := v.step(end, now); reason != "" {
		part.Status, part.Reason = metav1.ConditionTrue, reason
	}
	if part.Reason == v1alpha1.ReasonExpired {
		part.Message = fmt.Sprintf("The custom certificate ended on %s and is served for lack of a better one.", rfc3339(end))
	}
	return part
}

// step returns the reason of the last of the steps before an end that has been reached, or nothing, and notes when the next one is.
func (v *Rotation) step(end, now time.Time) string {
	for _, step := range expirySteps {
		left := end.Sub(now) - step.before
		if left <= 0 {
			return step.reason
		}
		v.Recheck = phase.Sooner(v.Recheck, left)
	}
	return ""
}
