package exposure

import (
	"context"
	"slices"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/hostclaim"
	"github.com/berth-dev/berth/internal/policy"
)

// maxRequests is how many times of requests the status of a HostClaim keeps, as its schema says. It also bounds the requests for one host.
const maxRequests = 64

// requestAgain is when a request is tried again that another worker's came before.
const requestAgain = time.Second

// requireBudget waits until the organization of a site may have cert-manager request a new certificate, and counts the request in the status of
// the host's claim, which outlives App, Domain and Certificate. A new certificate is requested when there is no Certificate, and when its host or
// its issuer changes; what cert-manager renews by itself is not counted, nor what is used again.
//
// Workers that count at the same moment do not see each other, so the budget may be exceeded by the number of workers.
func (s Exposures) requireBudget(ctx context.Context, owner metav1.Object, v *Rotation) error {
	org, err := s.PolicyOf(ctx, v.Site.Namespace)
	if err != nil {
		return err
	}
	perHour, perDay := policy.CertificateLimits(org)
	if perHour == policy.Unlimited && perDay == policy.Unlimited {
		return nil
	}
	payment := paymentOf(owner, v.Site)
	if _, paid := s.paid.Load(payment); paid {
		return nil
	}
	var claim v1alpha1.HostClaim
	err = s.Client.Get(ctx, client.ObjectKey{Name: v.Site.Host}, &claim)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	if err != nil || claim.Spec.Organization != v.Site.Namespace {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Host %s is about to be claimed.", v.Site.Host)
	}
	if err := s.requireRoom(ctx, v, &claim, perHour, perDay); err != nil {
		return err
	}
	if err := s.countRequest(ctx, claim.DeepCopy()); err != nil {
		return err
	}
	s.paid.Store(payment, nil)
	return nil
}

// certificatePayment is a request that has been counted while the Certificate may still have to be written: what fails and is tried again is one
// request.
type certificatePayment struct {
	owner  types.UID
	host   string
	issuer resources.Issuer
}

func paymentOf(owner metav1.Object, site resources.Site) certificatePayment {
	return certificatePayment{owner: owner.GetUID(), host: site.Host, issuer: site.Issuer}
}

// requestsNew reports whether the Certificate of a site, once written, makes cert-manager request another certificate than it has requested.
func (s Exposures) requestsNew(ctx context.Context, owner metav1.Object, site resources.Site) (bool, error) {
	var have cmv1.Certificate
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: site.Name}, &have)
	if err != nil {
		return true, client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(&have, owner) {
		return false, nil // It is in the way, or about to go, which the write will tell.
	}
	ref := have.Spec.IssuerRef
	return have.Spec.SecretName != site.TLSSecret || !slices.Equal(have.Spec.DNSNames, []string{site.Host}) ||
		site.Issuer != (resources.Issuer{Name: ref.Name, Kind: ref.Kind, Group: ref.Group}), nil
}

// requireRoom waits if an organization has used up its budget, until there is room again.
func (s Exposures) requireRoom(ctx context.Context, v *Rotation, claim *v1alpha1.HostClaim, perHour, perDay int) error {
	if perHour == 0 || perDay == 0 {
		return phase.Stall(v1alpha1.ReasonThrottled, "The organization may not request new certificates. Ask the platform's administrator.")
	}
	var claims v1alpha1.HostClaimList
	if err := s.Client.List(ctx, &claims, client.MatchingFields{watches.IndexRequester: v.Site.Namespace}); err != nil {
		return err
	}
	ofHost := claim.Status.CertificateRequestedAt
	var all []metav1.Time
	for i := range claims.Items {
		all = append(all, hostclaim.RequestsOf(&claims.Items[i], v.Site.Namespace)...)
	}
	now := s.Clock.Now()
	for _, limit := range []struct {
		used   []metav1.Time
		most   int
		within time.Duration
		words  string
	}{
		{all, perDay, Day, "day"}, {all, perHour, time.Hour, "hour"}, {ofHost, maxRequests, Day, "day for one host"},
	} {
		if at := nextRoom(limit.used, limit.most, limit.within, now); !at.IsZero() {
			v.Recheck = phase.Sooner(v.Recheck, at.Sub(now))
			return phase.Wait(0, v1alpha1.ReasonThrottled, "The organization has used up its budget of %d new certificates per %s. "+
				"The certificate will be requested after %s.", limit.most, limit.words, at.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// nextRoom returns when fewer than most requests were made within a duration, or zero if that is so now.
func nextRoom(requested []metav1.Time, most int, within time.Duration, now time.Time) time.Time {
	var counting []time.Time
	for _, at := range requested {
		if now.Sub(at.Time) < within {
			counting = append(counting, at.Time)
		}
	}
	if len(counting) < most {
		return time.Time{}
	}
	slices.SortFunc(counting, time.Time.Compare)
	return counting[len(counting)-most].Add(within)
}

// countRequest adds the present time to those of a host's claim and drops those that no longer count.
func (s Exposures) countRequest(ctx context.Context, claim *v1alpha1.HostClaim) error {
	now := s.Clock.Now()
	requested := append(hostclaim.Counting(claim.Status.CertificateRequestedAt, now), metav1.NewTime(now))
	claim.Status.CertificateRequestedAt = requested
	err := s.Client.Status().Update(ctx, claim)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return phase.Wait(requestAgain, v1alpha1.ReasonProgressing, "The certificate is about to be requested.")
	}
	return err
}
