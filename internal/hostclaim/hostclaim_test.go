package hostclaim_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/hostclaim"
)

var (
	now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	web = v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: "web"}
	app = v1alpha1.HostHolder{Kind: v1alpha1.HostHolderApp, Name: "web"}
)

// claimed is a bound claim of acme for the Domain web, with changes.
func claimed(changes ...func(*v1alpha1.HostClaim)) *v1alpha1.HostClaim {
	c := &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "www.example.com", CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec:       v1alpha1.HostClaimSpec{Organization: "acme", Holder: &web, BoundAt: new(metav1.NewTime(now))},
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

func verified(c *v1alpha1.HostClaim) { c.Status.VerifiedAt = new(metav1.NewTime(now)) }

func held(until time.Time) func(*v1alpha1.HostClaim) {
	return func(c *v1alpha1.HostClaim) { hostclaim.Release(c, until) }
}

func unbound(age time.Duration) func(*v1alpha1.HostClaim) {
	return func(c *v1alpha1.HostClaim) {
		c.Spec.BoundAt, c.CreationTimestamp = nil, metav1.NewTime(now.Add(-age))
	}
}

// restored makes a claim one that was created from a backup: it was bound long before.
func restored(age time.Duration) func(*v1alpha1.HostClaim) {
	return func(c *v1alpha1.HostClaim) {
		c.CreationTimestamp = metav1.NewTime(now.Add(-age))
		c.Spec.BoundAt = new(metav1.NewTime(now.Add(-24 * time.Hour)))
	}
}

// reclaimed makes a claim one that the facade has claimed again for another App or Domain of the organization.
func reclaimed(age time.Duration) func(*v1alpha1.HostClaim) {
	return func(c *v1alpha1.HostClaim) { hostclaim.Reclaim(c, web, now.Add(-age)) }
}

func ofIngress(c *v1alpha1.HostClaim) {
	c.Spec = v1alpha1.HostClaimSpec{Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderIngress, Namespace: "default", Name: "web"}}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	own := hostclaim.Claimant{Organization: "acme", Holder: web}
	sibling := hostclaim.Claimant{Organization: "acme", Holder: app}
	stranger := hostclaim.Claimant{Organization: "rival", Holder: web}
	with := func(c hostclaim.Claimant, change func(*hostclaim.Claimant)) hostclaim.Claimant {
		change(&c)
		return c
	}
	proven := func(c *hostclaim.Claimant) { c.Proven = true }
	refused := func(c *hostclaim.Claimant) { c.Refused = true }
	cases := map[string]struct {
		reason   string
		claim    *v1alpha1.HostClaim
		claimant hostclaim.Claimant
		lives    bool
		want     hostclaim.Verdict
	}{
		"Free":           {claimant: own, want: hostclaim.Create},
		"FreeAndRefused": {reason: "A refused claimant never inherits silently.", claimant: with(stranger, refused), want: hostclaim.Stale},
		"FreeAndServed": {
			reason:   "An administrator deleted the claim of a host that is served.",
			claimant: with(own, func(c *hostclaim.Claimant) { c.Refused, c.Serves = true, true }), want: hostclaim.Create,
		},
		"FreeAndProven": {
			reason:   "A proof is asked for explicitly.",
			claimant: with(with(stranger, refused), proven), want: hostclaim.Create,
		},
		"Own":              {claim: claimed(), claimant: own, lives: true, want: hostclaim.Granted},
		"OwnThoughRefused": {claim: claimed(), claimant: with(own, refused), lives: true, want: hostclaim.Granted},
		"OwnUnbound":       {claim: claimed(unbound(0)), claimant: own, want: hostclaim.Update},
		"OwnNowProven":     {claim: claimed(), claimant: with(own, proven), lives: true, want: hostclaim.Update},
		"OwnProven":        {claim: claimed(verified), claimant: with(own, proven), lives: true, want: hostclaim.Granted},
		"HeldForOwn":       {claim: claimed(held(now.Add(time.Hour))), claimant: with(sibling, refused), want: hostclaim.Update},
		"Siblings":         {claim: claimed(), claimant: sibling, lives: true, want: hostclaim.Conflict},
		"SiblingGone":      {claim: claimed(), claimant: sibling, want: hostclaim.Update},
		"SiblingToCome":    {claim: claimed(unbound(time.Second)), claimant: sibling, want: hostclaim.Wait},
		"SiblingToBeRestored": {
			claim: claimed(restored(time.Minute)), claimant: sibling, want: hostclaim.Wait,
		},
		"SiblingNotRestored": {claim: claimed(restored(time.Hour)), claimant: sibling, want: hostclaim.Update},
		"OwnRestored":        {claim: claimed(restored(time.Minute)), claimant: own, lives: true, want: hostclaim.Granted},
		"SiblingNeverCame":   {claim: claimed(unbound(2 * time.Minute)), claimant: sibling, want: hostclaim.Update},
		"Reclaimed":          {claim: claimed(reclaimed(time.Second)), claimant: own, want: hostclaim.Update},
		"ReclaimedBySibling": {claim: claimed(reclaimed(time.Second)), claimant: sibling, want: hostclaim.Wait},
		"ReclaimedInTheFuture": {
			reason: "The clock of a facade may be ahead, for a while.",
			claim:  claimed(reclaimed(-time.Hour)), claimant: sibling, want: hostclaim.Wait,
		},
		"ReclaimedAndGone":   {claim: claimed(reclaimed(2 * time.Minute)), claimant: sibling, want: hostclaim.Update},
		"ReclaimedByAnother": {claim: claimed(reclaimed(0)), claimant: stranger, want: hostclaim.Conflict},
		"ReclaimedAndServedByAnother": {
			reason: "A host that the organization had before is not one from before there were claims.",
			claim:  claimed(reclaimed(0)), claimant: with(stranger, func(c *hostclaim.Claimant) { c.Serves = true }), want: hostclaim.Conflict,
		},
		"Stranger": {claim: claimed(), claimant: stranger, lives: true, want: hostclaim.Conflict},
		"StrangerAfterTheHolder": {
			reason: "The claim outlives its holder.",
			claim:  claimed(), claimant: stranger, want: hostclaim.Conflict,
		},
		"HeldForAnother":        {claim: claimed(held(now.Add(time.Second))), claimant: stranger, want: hostclaim.Conflict},
		"HeldForAnotherLongAgo": {claim: claimed(held(now)), claimant: stranger, want: hostclaim.Wait},
		"ProofBeatsPossession":  {claim: claimed(), claimant: with(stranger, proven), lives: true, want: hostclaim.Transfer},
		"ProofBeatsHold":        {claim: claimed(held(now.Add(time.Hour))), claimant: with(stranger, proven), want: hostclaim.Transfer},
		"ProofBeatsVerifiedHold": {
			reason: "Nobody uses the host, and the DNS says whose it is now.",
			claim:  claimed(verified, held(now.Add(time.Hour))), claimant: with(stranger, proven), want: hostclaim.Transfer,
		},
		"ProofDoesNotBeatProof": {claim: claimed(verified), claimant: with(stranger, proven), lives: true, want: hostclaim.Conflict},
		"Ingress":               {claim: claimed(ofIngress), claimant: own, lives: true, want: hostclaim.Reserved},
		"IngressAndProof":       {claim: claimed(ofIngress), claimant: with(own, proven), lives: true, want: hostclaim.Reserved},
		"UnboundClaimOfAServedHost": {
			reason: "What is served is not given away before its claim is created.",
			claim:  claimed(unbound(0)), claimant: with(stranger, func(c *hostclaim.Claimant) { c.Serves = true }), want: hostclaim.Transfer,
		},
		"BoundClaimOfAServedHost": {
			reason: "An administrator has moved the host.",
			claim:  claimed(), claimant: with(stranger, func(c *hostclaim.Claimant) { c.Serves = true }), lives: true, want: hostclaim.Conflict,
		},
		"UnboundClaimOfAnother":    {claim: claimed(unbound(0)), claimant: stranger, want: hostclaim.Conflict},
		"UnboundAndProofOfAnother": {claim: claimed(unbound(0)), claimant: with(stranger, proven), want: hostclaim.Transfer},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := hostclaim.Decide(tc.claim, tc.claimant, tc.lives, now); got != tc.want {
				t.Errorf("Decide() = %d, want %d. %s", got, tc.want, tc.reason)
			}
		})
	}
}

// What a claim says after it was bound is what the same claimant is granted.
func TestBind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]hostclaim.Claimant{
		"Own":    {Organization: "acme", Holder: app},
		"Proven": {Organization: "rival", Holder: web, Proven: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim := claimed(func(c *v1alpha1.HostClaim) { c.Status.CertificateRequestedAt = []metav1.Time{metav1.NewTime(now)} })
			hostclaim.Bind(claim, c, now)
			if got := hostclaim.Decide(claim, c, true, now); got != hostclaim.Granted {
				t.Errorf("Decide() after Bind = %d, want Granted", got)
			}
			if kept := len(claim.Status.CertificateRequestedAt) > 0; kept != (c.Organization == "acme") {
				t.Errorf("certificateRequestedAt was kept: %t", kept)
			}
		})
	}
}

// A host that is claimed again does not wait for longer because of a clock that is ahead.
func TestBindTimeLeft(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		claim *v1alpha1.HostClaim
		want  time.Duration
	}{
		"New":               {claimed(unbound(10 * time.Second)), 50 * time.Second},
		"Bound":             {claimed(), 0},
		"Reclaimed":         {claimed(reclaimed(10 * time.Second)), 50 * time.Second},
		"ReclaimedTomorrow": {claimed(reclaimed(-24 * time.Hour)), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := hostclaim.BindTimeLeft(tc.claim, now); got != tc.want {
				t.Errorf("BindTimeLeft() = %s, want %s", got, tc.want)
			}
		})
	}
}
