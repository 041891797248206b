package store

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// HasProven reports whether a domain is at or below a host that is certainly an organization's: the default host of one of its Apps, or a host that it
// has proven to own. That a Domain names a host is no proof.
//
// The HostClaim decides. Only hosts that the cache has for the organization are asked about, however many labels the domain has.
func (s *Store) HasProven(ctx context.Context, organization, domain string) (bool, error) {
	for _, slug := range s.Slugs(organization) {
		name := s.platform.DefaultHost(slug)
		if !host.IsUnder(domain, name) {
			continue
		}
		if claim, err := s.claimOf(ctx, name); err != nil || hostclaim.Has(claim, organization) {
			return err == nil, err
		}
	}
	domains, err := s.liveDomains(ctx, client.InNamespace(organization))
	if err != nil {
		return false, err
	}
	for _, d := range domains {
		if d.Status.VerifiedHost != d.Spec.Host || !host.IsUnder(domain, d.Spec.Host) {
			continue
		}
		claim, err := s.claimOf(ctx, d.Spec.Host)
		if err != nil || hostclaim.Has(claim, organization) && claim.Status.VerifiedAt != nil {
			return err == nil, err
		}
	}
	return false, nil
}

// claimOf returns the HostClaim of a host, an empty one if there is none.
func (s *Store) claimOf(ctx context.Context, name string) (*v1alpha1.HostClaim, error) {
	claim := &v1alpha1.HostClaim{}
	if err := s.own.Get(ctx, client.ObjectKey{Name: name}, claim); err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("get HostClaim %s: %s", name, err.Error()) // It is not the client's: a 403 would be shown as one.
	}
	return claim, nil
}
