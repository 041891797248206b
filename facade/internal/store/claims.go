package store

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/hostclaim"
	"github.com/berth-dev/berth/internal/policy"
)

// +kubebuilder:rbac:groups=berth.dev,resources=hostclaims,verbs=create;get;update;delete

// claim is a host that a write asks for.
type claim struct {
	host, organization string
	// holder is the App or Domain that the host is for.
	holder v1alpha1.HostHolder
	// refusal is the 400 if the host is taken.
	refusal error
}

func slugTaken() error { return apierr.Field(wire.FieldSlug, "This slug is taken.") }

// appClaim is the claim of an App for its default host.
func (s *Store) appClaim(organization, slug string) claim {
	holder := v1alpha1.HostHolder{Kind: v1alpha1.HostHolderApp, Name: slug}
	return claim{host: s.platform.DefaultHost(slug), organization: organization, holder: holder, refusal: slugTaken()}
}

// domainClaim is the claim of a plan whose Domain gets another host. A Domain with the default host of its App claims it on behalf of the App.
func (s *Store) domainClaim(organization, slug string, plan translate.Plan) claim {
	c := s.appClaim(organization, slug)
	c.refusal = apierr.Field(wire.FieldDomain, "This domain is taken.")
	if plan.Host != c.host {
		c.host, c.holder = plan.Host, v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: *plan.Domain.Name}
	}
	return c
}

// claimPlanned claims the host that a plan asks for, if it asks for one. Hosts of Domains that are leaving are free for their organization.
func (s *Store) claimPlanned(w *writer, organization, slug string, plan translate.Plan, leaving []*v1alpha1.Domain) error {
	if plan.Host == "" {
		return nil
	}
	return s.claim(w, s.domainClaim(organization, slug, plan), leaving)
}

// claim makes sure that an organization has a host before the App or Domain that asks for it is written: it creates a HostClaim or finds that
// the one that exists does not stand in the way. The error is the claim's refusal if it does. The API server arbitrates: of several claims, by
// whichever replica, one is created. The operator deletes claims whose holder does not appear.
//
// It acts as the facade itself, so the caller's right to write the App or Domain must have been reviewed before.
func (s *Store) claim(w *writer, c claim, leaving []*v1alpha1.Domain) error {
	if slices.ContainsFunc(w.claimed, func(granted claim) bool { return granted.host == c.host && granted.holder == c.holder }) {
		return nil
	}
	created, err := s.obtain(w.ctx, c, leaving)
	if err != nil {
		return err
	}
	w.claimed = append(w.claimed, c)
	if created != nil {
		w.claims = append(w.claims, created)
	}
	return nil
}

// obtain returns the HostClaim that it has created, if it had to.
func (s *Store) obtain(ctx context.Context, c claim, leaving []*v1alpha1.Domain) (*v1alpha1.HostClaim, error) {
	byProof, err := s.requiresProof(ctx, c)
	if err != nil {
		return nil, err
	}
	served, err := s.servedByAnother(ctx, c, byProof)
	if err != nil {
		return nil, err
	}
	if served {
		// Until the operator has claimed it, a host of an installation that was upgraded has no claim.
		if err = s.judge(ctx, c, byProof, leaving); apierrors.IsNotFound(err) {
			return nil, c.refusal
		}
		return nil, err
	}
	if byProof { // The operator creates the claim, with the proof.
		if err := s.judge(ctx, c, byProof, leaving); !apierrors.IsNotFound(err) {
			return nil, err
		}
		return nil, s.askedBySibling(ctx, c, leaving)
	}
	for range attempts {
		object := c.object()
		if err := s.own.Create(ctx, object); err == nil {
			return object, nil
		} else if !apierrors.IsAlreadyExists(err) {
			return nil, notTheClients(c.host, err)
		}
		if err := s.judge(ctx, c, byProof, leaving); !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, c.refusal
}

// notTheClients is the error of a write as the facade itself: the client must not be told that it lacks a right.
func notTheClients(host string, err error) error {
	return fmt.Errorf("claim host %s: %s", host, err.Error())
}

// disclaim deletes the HostClaims of a write that the API server has refused, so that nothing of it is left. A claim whose holder asks for the host stays:
// another client has written that. What is left if that fails, the operator deletes a minute later.
func (s *Store) disclaim(w *writer) {
	for _, c := range w.claims {
		holder := c.Spec.Holder
		_, asks, err := s.holder(w.ctx, client.ObjectKey{Namespace: c.Spec.Organization, Name: holder.Name}, holder.Kind, c.Name)
		if err == nil && !asks {
			_ = s.own.Delete(w.ctx, c, client.Preconditions{UID: &c.UID, ResourceVersion: &c.ResourceVersion})
		}
	}
	w.claims, w.claimed = nil, nil
}

// servedByAnother reports whether an App or Domain of another organization serves the host of a claim. A proof wins the host from a Domain that has none.
func (s *Store) servedByAnother(ctx context.Context, c claim, byProof bool) (bool, error) {
	if c.holder.Kind == v1alpha1.HostHolderApp {
		return slices.ContainsFunc(s.apps.withName(c.holder.Name), func(a *v1alpha1.App) bool {
			return a.Namespace != c.organization && a.DeletionTimestamp.IsZero() && a.Status.URL == host.URL(c.host)
		}), nil
	}
	domains := &v1alpha1.DomainList{}
	if err := s.cache.List(ctx, domains, client.MatchingFields{indexHost: c.host}, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	return slices.ContainsFunc(domains.Items, func(d v1alpha1.Domain) bool {
		return d.Namespace != c.organization && d.DeletionTimestamp.IsZero() && d.Status.URL == host.URL(c.host) &&
			(!byProof || d.Status.VerifiedHost == c.host)
	}), nil
}

// askedBySibling is the refusal if another Domain of the organization asks for the host of a claim, which has no HostClaim. Unlike a HostClaim, the cache
// does not arbitrate between requests at the same time.
func (s *Store) askedBySibling(ctx context.Context, c claim, leaving []*v1alpha1.Domain) error {
	domains := &v1alpha1.DomainList{}
	err := s.cache.List(ctx, domains, client.InNamespace(c.organization), client.MatchingFields{indexHost: c.host}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return err
	}
	asks := func(d v1alpha1.Domain) bool {
		return !goes(&d, leaving) && c.holder != v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: d.Name}
	}
	if slices.ContainsFunc(domains.Items, asks) {
		return c.refusal
	}
	return nil
}

// goes reports whether an App or Domain is being deleted, or is one of the Domains that are leaving.
func goes(o client.Object, leaving []*v1alpha1.Domain) bool {
	return o.GetDeletionTimestamp() != nil || slices.ContainsFunc(leaving, func(d *v1alpha1.Domain) bool { return d.UID == o.GetUID() })
}

func (c claim) object() *v1alpha1.HostClaim {
	return &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: c.host},
		Spec:       v1alpha1.HostClaimSpec{Organization: c.organization, Holder: new(c.holder)},
	}
}

// judge returns nil if the HostClaim that exists for a host does not stand in the way of a claim, and the claim's refusal if it does. The error
// is a 404 of the API server if there is no HostClaim. A host of another organization can only be had by a proof, where that one has none.
func (s *Store) judge(ctx context.Context, c claim, byProof bool, leaving []*v1alpha1.Domain) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error { return s.judgeOnce(ctx, c, byProof, leaving) })
}

// judgeOnce does so; the error is a conflict if the HostClaim has changed meanwhile.
func (s *Store) judgeOnce(ctx context.Context, c claim, byProof bool, leaving []*v1alpha1.Domain) error {
	found := &v1alpha1.HostClaim{}
	if err := s.own.Get(ctx, client.ObjectKey{Name: c.host}, found); err != nil {
		return err
	}
	if found.Spec.Organization == c.organization {
		return s.judgeOwn(ctx, c, found, byProof, leaving)
	}
	if byProof && found.Spec.Organization != "" && found.Status.VerifiedAt == nil {
		return nil
	}
	return c.refusal
}

// judgeOwn does so for a HostClaim of the claim's organization. The host is free if it is held, if its holder is the same or is being deleted, or
// if its holder no longer asks for it. If the HostClaim has not been bound yet, the write that it was created for may be on its way.
//
// A free host is claimed again: of several Apps and Domains of the organization that ask for it at the same time, one gets it.
func (s *Store) judgeOwn(ctx context.Context, c claim, found *v1alpha1.HostClaim, byProof bool, leaving []*v1alpha1.Domain) error {
	if holder := found.Spec.Holder; holder != nil {
		if *holder == c.holder {
			return nil
		}
		object, asks, err := s.holder(ctx, client.ObjectKey{Namespace: c.organization, Name: holder.Name}, holder.Kind, c.host)
		if err != nil {
			return err
		}
		if !goes(object, leaving) && (asks || !hostclaim.Expired(found, s.now())) {
			return c.refusal
		}
	}
	if byProof { // The operator binds the claim, with the proof: without one, the organization must not keep a host that is not its own any more.
		return nil
	}
	hostclaim.Reclaim(found, c.holder, s.now())
	err := s.own.Update(ctx, found)
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return err
	}
	return notTheClients(c.host, err)
}

// holder returns the App or Domain that has a name, without a UID if there is none, and whether it asks for a host.
func (s *Store) holder(ctx context.Context, key client.ObjectKey, kind v1alpha1.HostHolderKind, host string) (object client.Object, asks bool, err error) {
	if kind == v1alpha1.HostHolderApp {
		app, err := s.lookUp(ctx, string(kind), key)
		return app, app.UID != "" && s.platform.DefaultHost(key.Name) == host, err
	}
	domain := &v1alpha1.Domain{}
	err = client.IgnoreNotFound(s.own.Get(ctx, key, domain))
	return domain, domain.Spec.Host == host, err
}

// requiresProof reports whether an organization has a host only once it has proven that it owns it.
func (s *Store) requiresProof(ctx context.Context, c claim) (bool, error) {
	if s.platform.Hosts.IsPlatform(c.host) {
		return false, nil
	}
	organization := &v1alpha1.Organization{}
	err := s.cache.Get(ctx, client.ObjectKey{Name: c.organization}, organization, client.UnsafeDisableDeepCopy)
	return policy.VerifiesHosts(*organization, s.verifyDomains), client.IgnoreNotFound(err)
}
