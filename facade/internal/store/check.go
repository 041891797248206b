package store

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// checkSlug is the 400 about a slug that can't be had: it is an app's on this platform, or its default host is somebody's domain. It doesn't
// tell whose.
func (s *Store) checkSlug(ctx context.Context, organization, slug string) error {
	if s.apps.get(organization, slug) != nil {
		// Another facade may have deleted it a moment ago.
		if err := s.catchUp(ctx, client.ObjectKey{Namespace: organization, Name: slug}); err != nil {
			return err
		}
	}
	apps := s.apps.withName(slug)
	if len(apps) == 1 && apps[0].Namespace == organization && !apps[0].DeletionTimestamp.IsZero() {
		return apierr.Field(wire.FieldSlug, "The app with this slug is still being deleted; try again.")
	}
	if len(apps) > 0 {
		return slugTaken()
	}
	made := func(d *v1alpha1.Domain) bool { return d.Namespace == organization && d.Spec.AppRef.Name == slug }
	taken, err := s.taken(ctx, s.platform.DefaultHost(slug), organization, slug, made)
	if err == nil && taken {
		err = slugTaken()
	}
	return err
}

func slugTaken() error { return apierr.Field(wire.FieldSlug, "This slug is taken.") }

// checkDomain is the 400 about a host that is somebody else's, or the 409 about a Domain that can't be made. What Domains that are leaving have
// is free.
func (s *Store) checkDomain(w *writer, organization, slug string, plan translate.Plan, leaving []*v1alpha1.Domain) error {
	if err := s.claim(w, plan.Host); err != nil {
		return err
	}
	if plan.Host != "" {
		mine := func(d *v1alpha1.Domain) bool {
			itself := d.Namespace == organization && d.Name == *plan.Domain.Name
			return itself || slices.ContainsFunc(leaving, func(l *v1alpha1.Domain) bool { return l.UID == d.UID })
		}
		taken, err := s.taken(w.ctx, plan.Host, organization, slug, mine)
		if err == nil && taken {
			err = apierr.Field(wire.FieldDomain, "This domain is taken.")
		}
		if err != nil {
			return err
		}
	}
	if !plan.NewDomain {
		return nil
	}
	return s.checkName(organization, slug, *plan.Domain.Name)
}

// checkName is the 409 about a Domain for an app that can't be made, since its name is that of one for another app.
func (s *Store) checkName(organization, slug, name string) error {
	domain := s.domains.get(client.ObjectKey{Namespace: organization, Name: name})
	if domain == nil || domain.Spec.AppRef.Name == slug {
		return nil
	}
	return apierr.Conflict(fmt.Sprintf("The Domain that is named %s serves the app %s and is in the way.", name, domain.Spec.AppRef.Name))
}
