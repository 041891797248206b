package facade

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// newClaim plays the operator: it creates a HostClaim.
func newClaim(t *testing.T, host string, spec v1alpha1.HostClaimSpec, verified bool) {
	t.Helper()
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: host}, Spec: spec}
	if err := suite.cluster.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	if !verified {
		return
	}
	claim.Status.VerifiedAt = new(metav1.Now())
	if err := suite.cluster.Status().Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
}

// changeClaim plays the operator: it changes the HostClaim of a host.
func changeClaim(t *testing.T, host string, change func(*v1alpha1.HostClaimSpec)) {
	t.Helper()
	claim := claimOf(t, host)
	if claim == nil {
		t.Fatalf("%s has no claim", host)
	}
	change(&claim.Spec)
	if err := suite.cluster.Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
}

func binds(spec *v1alpha1.HostClaimSpec) { spec.BoundAt = new(metav1.Now()) }

func holds(spec *v1alpha1.HostClaimSpec) {
	spec.Holder, spec.BoundAt, spec.HeldUntil = nil, nil, new(metav1.NewTime(time.Now().Add(time.Hour)))
}

// claimOf reads the HostClaim of a host, nil if there is none.
func claimOf(t *testing.T, host string) *v1alpha1.HostClaim {
	t.Helper()
	claim := &v1alpha1.HostClaim{}
	err := suite.cluster.Get(t.Context(), client.ObjectKey{Name: host}, claim)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

// wantClaim fails the test unless the HostClaim of a host has this organization and holder; without a holder, unless there is none.
func wantClaim(t *testing.T, host, organization string, kind v1alpha1.HostHolderKind, name string) {
	t.Helper()
	var want, got *v1alpha1.HostClaimSpec
	if name != "" {
		want = &v1alpha1.HostClaimSpec{Organization: organization, Holder: &v1alpha1.HostHolder{Kind: kind, Name: name}}
	}
	if claim := claimOf(t, host); claim != nil {
		got = &claim.Spec
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the claim of %s: -want, +got:\n%s", host, diff)
	}
}

// wantField fails the test unless the answer is a 400 that says this of a field alone.
func (a answer) wantField(t *testing.T, field, message string) {
	t.Helper()
	want := map[string]any{"detail": field + ": " + message, field: []any{message}}
	if diff := cmp.Diff(want, a.want(t, http.StatusBadRequest).json(t)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

const (
	slugIsTaken   = "This slug is taken."
	domainIsTaken = "This domain is taken."
)

// TestFacadeHostClaims says that the facade can create claims for Apps and Domains, get them, claim hosts again for the organization that has them, and
// nothing else.
func TestFacadeHostClaims(t *testing.T) {
	c := asFacade(t)
	claim := func(name string, changes ...func(*v1alpha1.HostClaim)) *v1alpha1.HostClaim {
		holder := &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: "www"}
		claim := &v1alpha1.HostClaim{
			ObjectMeta: metav1.ObjectMeta{Name: name + ".policy.example.org"}, Spec: v1alpha1.HostClaimSpec{Organization: "acme", Holder: holder},
		}
		for _, change := range changes {
			change(claim)
		}
		return claim
	}
	ofIngress := func(organization string) func(*v1alpha1.HostClaim) {
		return func(c *v1alpha1.HostClaim) {
			c.Spec = v1alpha1.HostClaimSpec{
				Organization: organization, Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderIngress, Namespace: "acme", Name: "web"},
			}
		}
	}
	again := func(name string, before func(*v1alpha1.HostClaimSpec), change func(*v1alpha1.HostClaim)) error {
		t.Helper()
		had := claim(name+"-again", func(c *v1alpha1.HostClaim) { before(&c.Spec) })
		newClaim(t, had.Name, had.Spec, false)
		had = claimOf(t, had.Name)
		hostclaim.Reclaim(had, v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: "another"}, time.Now())
		if change != nil {
			change(had)
		}
		return c.Update(t.Context(), had)
	}
	eventually(t, "the policy is in force", func() bool {
		return apierrors.IsInvalid(c.Create(t.Context(), claim("ingress", ofIngress("")), client.DryRunAll))
	})
	owner := []metav1.OwnerReference{{APIVersion: "v1", Kind: "Namespace", Name: "acme", UID: "1"}}
	for what, tc := range map[string]struct {
		allowed bool
		do      func() error
	}{
		"claim for a Domain": {true, func() error { return c.Create(t.Context(), claim("domain")) }},
		"claim for an App": {true, func() error {
			return c.Create(t.Context(), claim("app", func(c *v1alpha1.HostClaim) { c.Spec.Holder.Kind = v1alpha1.HostHolderApp }))
		}},
		"get a claim": {true, func() error {
			return client.IgnoreNotFound(c.Get(t.Context(), client.ObjectKey{Name: "domain"}, claim("domain")))
		}},
		"claim for an Ingress":         {false, func() error { return c.Create(t.Context(), claim("ingress", ofIngress(""))) }},
		"claim for a tenant's Ingress": {false, func() error { return c.Create(t.Context(), claim("theirs", ofIngress("acme"))) }},
		"hold a host": {false, func() error {
			return c.Create(t.Context(), claim("held", func(c *v1alpha1.HostClaim) { holds(&c.Spec) }))
		}},
		"bind a claim": {false, func() error {
			return c.Create(t.Context(), claim("bound", func(c *v1alpha1.HostClaim) { binds(&c.Spec) }))
		}},
		"label a claim": {false, func() error {
			return c.Create(t.Context(), claim("label", func(c *v1alpha1.HostClaim) { c.Labels = map[string]string{"a": "b"} }))
		}},
		"annotate a claim": {false, func() error {
			return c.Create(t.Context(), claim("note", func(c *v1alpha1.HostClaim) { c.Annotations = map[string]string{"a": "b"} }))
		}},
		"keep a claim from being gone": {false, func() error {
			return c.Create(t.Context(), claim("keep", func(c *v1alpha1.HostClaim) { c.Finalizers = []string{"a.example.com/b"} }))
		}},
		"give a claim an owner": {false, func() error {
			return c.Create(t.Context(), claim("owned", func(c *v1alpha1.HostClaim) { c.OwnerReferences = owner }))
		}},
		"list claims": {false, func() error { return c.List(t.Context(), &v1alpha1.HostClaimList{}) }},
		"delete a claim that is not bound": {true, func() error {
			return errors.Join(c.Create(t.Context(), claim("refused")), c.Delete(t.Context(), claim("refused")))
		}},
		"delete a claim that is bound": {false, func() error {
			newClaim(t, "served.policy.example.org", claim("served", func(c *v1alpha1.HostClaim) { binds(&c.Spec) }).Spec, false)
			return c.Delete(t.Context(), claim("served"))
		}},
		"delete a claim that is held": {false, func() error {
			newClaim(t, "kept.policy.example.org", claim("kept", func(c *v1alpha1.HostClaim) { holds(&c.Spec) }).Spec, false)
			return c.Delete(t.Context(), claim("kept"))
		}},
		"claim a held host again":  {true, func() error { return again("held", holds, nil) }},
		"claim a bound host again": {true, func() error { return again("bound", binds, nil) }},
		"delete a claim of a host that the organization had": {false, func() error {
			return errors.Join(again("had", holds, nil), c.Delete(t.Context(), claim("had-again")))
		}},
		"give a host to another organization": {false, func() error {
			return again("moved", holds, func(c *v1alpha1.HostClaim) { c.Spec.Organization = "b" })
		}},
		"give a host to an Ingress": {false, func() error {
			return again("routed", holds, ofIngress("acme"))
		}},
		"bind a host that is claimed": {false, func() error {
			return again("given", holds, func(c *v1alpha1.HostClaim) { c.Spec.ClaimedAt, c.Spec.BoundAt = nil, new(metav1.Now()) })
		}},
		"hold a host that is claimed": {false, func() error {
			return again("kept", binds, func(c *v1alpha1.HostClaim) { c.Spec.ClaimedAt = nil; holds(&c.Spec) })
		}},
		"label a claim that exists": {false, func() error {
			return again("labelled", holds, func(c *v1alpha1.HostClaim) { c.Labels = map[string]string{"a": "b"} })
		}},
		"change a claim that stays deletable": {false, func() error {
			return again("deletable", holds, func(c *v1alpha1.HostClaim) { c.Spec.ClaimedAt, c.Spec.HeldUntil = nil, nil })
		}},
		"hold a host for longer": {false, func() error {
			return again("longer", holds, func(c *v1alpha1.HostClaim) { c.Spec.HeldUntil = new(metav1.NewTime(time.Now().Add(24 * time.Hour))) })
		}},
		"free a host earlier": {false, func() error { return again("earlier", holds, func(c *v1alpha1.HostClaim) { c.Spec.HeldUntil = nil }) }},
		"claim a new host as one that the organization had": {false, func() error {
			return c.Create(t.Context(), claim("new", func(c *v1alpha1.HostClaim) { c.Spec.ClaimedAt = new(metav1.Now()) }))
		}},
		"patch a claim": {false, func() error {
			return c.Patch(t.Context(), claim("domain"), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"organization":"b"}}`)))
		}},
		"say that a host has been proven": {false, func() error {
			return c.Status().Patch(t.Context(), claim("domain"), client.RawPatch(types.MergePatchType, []byte(`{"status":{"verifiedAt":"2026-01-01T00:00:00Z"}}`)))
		}},
		"write an Organization": {false, func() error {
			return c.Create(t.Context(), &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "made-by-the-facade"}})
		}},
	} {
		err := tc.do()
		if refused := apierrors.IsInvalid(err) || apierrors.IsForbidden(err); err == nil != tc.allowed || err != nil && !refused {
			t.Errorf("to %s: got %v, want it allowed: %t", what, err, tc.allowed)
		}
	}
}
