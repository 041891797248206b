// Package hostclaim decides who has a host, from its HostClaim and what is known of the App or Domain that asks for it. The facade claims hosts and
// the operator binds them. Its functions are pure.
package hostclaim

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// BindTimeout is how long a claim waits for the App or Domain that it was made for. The facade creates both within seconds.
const BindTimeout = time.Minute

// RestoreTimeout is how long a claim that was restored from a backup waits for the App or Domain that has the host.
const RestoreTimeout = 15 * time.Minute

// Claimant is an App or Domain that asks for a host.
type Claimant struct {
	// Organization is the claimant's Namespace.
	Organization string
	// Holder names the claimant.
	Holder v1alpha1.HostHolder
	// Serves is true if the claimant's status says that it has the host.
	Serves bool
	// Refused is true if another object had the host when the claimant's spec was last tried. The claimant does not take the host by itself
	// once it is free.
	Refused bool
	// Proven is true if the organization has proven that it owns the host, where that is required.
	Proven bool
}

// Verdict is what becomes of a claimant.
type Verdict int

const (
	// Granted means that the claimant has the host and nothing has to be written.
	Granted Verdict = iota
	// Create means that the claimant gets the host once its claim has been created.
	Create
	// Update means that the claimant gets the host once the claim has been updated: its organization has it already.
	Update
	// Transfer means that the claimant gets the host of another organization once the claim has been updated.
	Transfer
	// Wait means that the claim is about to change without the claimant.
	Wait
	// Conflict means that another App or Domain has the host.
	Conflict
	// Stale means that the host is free but was another organization's when the claimant asked for it.
	Stale
	// Reserved means that an Ingress that is not Berth's has the host.
	Reserved
	// Draining means that the claimant has the host, and gets its route once that of the organization that had the host before is gone. Decide does not
	// return it: the claim says nothing about routes.
	Draining
)

// Decide returns what becomes of a claimant. The claim is nil if the host has none. holderLives says whether the claim's holder exists and still
// asks for the host.
func Decide(claim *v1alpha1.HostClaim, c Claimant, holderLives bool, now time.Time) Verdict {
	switch {
	case claim == nil && c.Refused && !c.Serves && !c.Proven:
		return Stale
	case claim == nil:
		return Create
	case claim.Spec.Organization == "":
		return Reserved
	case claim.Spec.Organization == c.Organization:
		return decideOwn(claim, c, holderLives, now)
	default:
		return decideForeign(claim, c, now)
	}
}

// decideForeign decides about the host of another organization.
func decideForeign(claim *v1alpha1.HostClaim, c Claimant, now time.Time) Verdict {
	switch {
	case c.Serves && claim.Spec.BoundAt == nil && claim.Spec.ClaimedAt == nil && claim.Spec.Holder != nil:
		// The facade has claimed a host that is served, before its claim was created: after an upgrade, or after an administrator deleted it.
		return Transfer
	case c.Proven && (claim.Status.VerifiedAt == nil || claim.Spec.Holder == nil):
		return Transfer
	case claim.Spec.HeldUntil != nil && !claim.Spec.HeldUntil.After(now):
		return Wait
	default:
		return Conflict
	}
}

// decideOwn decides between the objects of the organization that has the host.
func decideOwn(claim *v1alpha1.HostClaim, c Claimant, holderLives bool, now time.Time) Verdict {
	holder := claim.Spec.Holder
	switch {
	case holder != nil && *holder == c.Holder && claim.Spec.BoundAt != nil && (!c.Proven || claim.Status.VerifiedAt != nil):
		return Granted
	case holder == nil || *holder == c.Holder:
		return Update
	case holderLives:
		return Conflict
	case !Expired(claim, now):
		return Wait
	default:
		return Update
	}
}

// Has reports whether an organization has the host of a claim. One that is held for it, it may only have again.
func Has(claim *v1alpha1.HostClaim, organization string) bool {
	return claim.Spec.Organization == organization && claim.Spec.Holder != nil
}

// Expired reports whether the holder of a claim had its time to appear.
func Expired(claim *v1alpha1.HostClaim, now time.Time) bool { return BindTimeLeft(claim, now) <= 0 }

// BindTimeLeft returns for how long a claim still waits for its holder to appear. A claim that has been bound does not wait, unless it was restored
// from a backup: its holder may be restored later.
func BindTimeLeft(claim *v1alpha1.HostClaim, now time.Time) time.Duration {
	age := now.Sub(claim.CreationTimestamp.Time)
	switch bound := claim.Spec.BoundAt; {
	case claim.Spec.ClaimedAt != nil:
		return min(BindTimeout, BindTimeout-now.Sub(claim.Spec.ClaimedAt.Time))
	case bound == nil:
		return BindTimeout - age
	case claim.CreationTimestamp.Sub(bound.Time) > BindTimeout:
		return RestoreTimeout - age
	default:
		return 0
	}
}

// Bind gives a host to a claimant. Of another organization that had it, the claim remembers only which certificates it requested within the last day:
// they count against its limits though it has lost the host.
func Bind(claim *v1alpha1.HostClaim, c Claimant, now time.Time) {
	if claim.Spec.Organization != c.Organization {
		claim.Status = afterTransfer(claim, c.Organization, now)
	}
	at := metav1.NewTime(now)
	claim.Spec = v1alpha1.HostClaimSpec{Organization: c.Organization, Holder: &c.Holder, BoundAt: &at}
	if c.Proven && claim.Status.VerifiedAt == nil {
		claim.Status.VerifiedAt = &at
	}
}

// Reclaim claims a host that an organization has for another of its Apps or Domains, to which the operator binds it. If that does not come, the host is
// held no longer than it was before.
func Reclaim(claim *v1alpha1.HostClaim, holder v1alpha1.HostHolder, now time.Time) {
	at := metav1.NewTime(now)
	claim.Spec = v1alpha1.HostClaimSpec{Organization: claim.Spec.Organization, Holder: &holder, ClaimedAt: &at, HeldUntil: claim.Spec.HeldUntil}
}

// Release takes a host from its holder and holds it for the organization.
func Release(claim *v1alpha1.HostClaim, until time.Time) {
	at := metav1.NewTime(until)
	claim.Spec = v1alpha1.HostClaimSpec{Organization: claim.Spec.Organization, HeldUntil: &at}
}
