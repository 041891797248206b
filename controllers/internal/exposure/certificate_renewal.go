package exposure

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// cert-manager says that a Certificate is ready until it next looks at it, and it does not look while a renewal hangs. What is served is therefore
// judged by the certificate itself.

const (
	// renewsAfter is the part of a certificate's lifetime, one in so many, that is left when cert-manager renews it by default.
	renewsAfter = 3
	// maxRenewal is for how long a renewal may take before the user is warned. ACME by DNS takes minutes.
	maxRenewal = 10 * time.Minute
	// renewalShare bounds that for certificates of hours or minutes: one in so many parts of the time between renewal and end.
	renewalShare = 3
)

// issuedOnly returns the certificate that an issuer has signed if the route serves it, and reports whether it does.
func (v *Rotation) issuedOnly() (candidate, bool) {
	it, kind := v.served()
	return it, kind == v1alpha1.CertificateDefault && len(it.chain) > 0
}

// expired reports whether the route serves a certificate of an issuer that has ended.
func (v *Rotation) expired(now time.Time) bool {
	it, issued := v.issuedOnly()
	return issued && now.After(it.chain.Leaf().NotAfter)
}

// renewal returns since when the certificate that is served is due to be renewed, and from when that counts as overdue.
func (v *Rotation) renewal(it candidate) (due, overdue time.Time) {
	leaf, told := it.chain.Leaf(), v.certificate.Status
	due = renewalDue(leaf)
	if at := told.RenewalTime; at != nil && at.After(leaf.NotBefore) && at.Time.Before(leaf.NotAfter) {
		due = at.Time
	}
	if failed := told.LastFailureTime; failed != nil && !failed.Time.Before(due) {
		return due, failed.Time
	}
	return due, due.Add(min(maxRenewal, leaf.NotAfter.Sub(due)/renewalShare))
}

// isOverdue reports whether the certificate that is served should have been renewed by now.
func (v *Rotation) isOverdue(now time.Time) bool {
	it, issued := v.issuedOnly()
	if !issued {
		return false
	}
	_, overdue := v.renewal(it)
	return !now.Before(overdue)
}

// explain notes how far cert-manager is with a certificate that is not issued, or that should have been renewed.
func (s Exposures) explain(ctx context.Context, v *Rotation) (err error) {
	if !IsIssued(&v.certificate) || v.isOverdue(s.Clock.Now()) {
		v.hint, err = s.hindrance(ctx, &v.certificate)
	}
	return err
}

// UnlessExpired keeps what is in the way of a certificate for the words about the one that is served. If that has ended, there is nothing to wait for:
// the host fails, whatever will be tried later.
func (s Exposures) UnlessExpired(v *Rotation, err error) error {
	if !phase.IsProblem(err) {
		return err
	}
	v.hint = err.Error()
	if after, waits := phase.Waits(err); waits && v.expired(s.Clock.Now()) {
		v.Recheck = phase.Sooner(v.Recheck, after)
		return nil
	}
	return err
}

// renewing says whether a certificate that an issuer has signed was not renewed in time, and notes when there will be more to say.
func (v *Rotation) renewing(it candidate, now time.Time) conditions.Part {
	end := it.chain.Leaf().NotAfter
	due, overdue := v.renewal(it)
	part := conditions.Part{
		Type: v1alpha1.ConditionCertificateExpiring, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSucceeded, Warning: true,
		Message: fmt.Sprintf("The certificate ends on %s and is renewed from %s.", rfc3339(end), rfc3339(due)),
	}
	if left := end.Sub(now); left >= 0 {
		v.Recheck = phase.Sooner(v.Recheck, left+time.Second)
	}
	if left := overdue.Sub(now); left > 0 {
		v.Recheck = phase.Sooner(v.Recheck, left)
		return part
	}
	part.Status, part.Reason = metav1.ConditionTrue, v1alpha1.ReasonRenewalOverdue
	if reason := v.step(end, now); reason != "" {
		part.Reason = reason
	}
	part.Message = strings.TrimSpace(fmt.Sprintf("The certificate ends on %s. Its renewal has been due since %s. %s", rfc3339(end), rfc3339(due), v.hint))
	if now.After(end) {
		part.Message = v.endedMessage(end)
	}
	return part
}

// ended says that the certificate that is served is an issuer's and has ended.
func (v *Rotation) ended() conditions.Part {
	it, _ := v.served()
	return conditions.Part{
		Type: v1alpha1.ConditionCertificateReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonExpired, Stalled: true,
		Message: v.endedMessage(it.chain.Leaf().NotAfter),
	}
}

func (v *Rotation) endedMessage(end time.Time) string {
	return strings.TrimSpace(fmt.Sprintf("The certificate ended on %s and was not renewed. %s", rfc3339(end), v.hint))
}

// useless says that what lies in the Secret that is served cannot be served for the host, though cert-manager has issued the certificate.
func (v *Rotation) useless(it candidate, now time.Time) conditions.Part {
	const condition = v1alpha1.ConditionCertificateReady
	if len(it.chain) > 0 {
		if begin := it.chain.Leaf().NotBefore; now.Before(begin) {
			v.Recheck = phase.Sooner(v.Recheck, begin.Sub(now)+time.Second)
			return conditions.Progressing(condition, fmt.Sprintf("The certificate is not valid before %s.", rfc3339(begin)))
		}
	}
	return conditions.Progressing(condition, fmt.Sprintf("Secret %s does not hold a certificate for %s and its key. cert-manager is about to "+
		"replace it; if it does not, delete the Secret.", v.Site.TLSSecret, v.Site.Host))
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
