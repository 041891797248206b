package controllers

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
)

// organization lets no Domain serve outside of an organization.
func (r *domainReconciler) organization(ctx context.Context, s *domainScope) error {
	return r.requireOrganization(ctx, s.domain)
}

// host lets the Domain have its host unless it is another's. A Domain that doesn't have it, or whose App serves it by
// itself, has no certificate and no route of its own.
func (r *domainReconciler) host(ctx context.Context, s *domainScope) error {
	owner, err := r.sites.hostOwner(ctx, s.domain.Spec.Host)
	if err != nil {
		return err
	}
	s.hasHost = owner == r.sites.claimOfDomain(s.domain)
	if !s.hasHost || s.mirrors {
		if err := r.sites.remove(ctx, s.domain, s.site); err != nil {
			return err
		}
	}
	if !s.hasHost {
		return hostConflict(s.domain.Spec.Host)
	}
	return nil
}

// namedApp reads the App that the Domain names.
func (r *domainReconciler) namedApp(ctx context.Context, s *domainScope) error {
	name := s.domain.Spec.AppRef.Name
	err := r.client.Get(ctx, client.ObjectKey{Namespace: s.domain.GetNamespace(), Name: name}, &s.app)
	if apierrors.IsNotFound(err) {
		return r.missing(s.domain, v1alpha1.ReasonAppNotFound, "There is no App %s in the Namespace.", name)
	}
	return err
}

// served reads which certificate the host serves now, be it by the Domain's route or by that of the App whose host it mirrors.
func (r *domainReconciler) served(ctx context.Context, s *domainScope) (err error) {
	if s.mirrors {
		s.serving, err = r.sites.look(ctx, &s.app, desired.AppSite(&s.app, r.platform))
		return err
	}
	s.serving, err = r.sites.look(ctx, s.domain, s.site)
	return err
}

func (r *domainReconciler) certificate(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return nil
	}
	return r.sites.certify(ctx, s.domain, s.site, &s.serving)
}

func (r *domainReconciler) route(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return nil
	}
	return r.sites.route(ctx, s.domain, s.site, &s.serving)
}

func (r *domainReconciler) leftovers(ctx context.Context, s *domainScope) error {
	if s.mirrors {
		return nil
	}
	return r.sites.retire(ctx, s.domain, s.site, &s.serving)
}
