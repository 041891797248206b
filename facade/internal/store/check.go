package store

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// checkSlug is the 400 about a slug that an app of the organization has. Of other organizations, a claim of its default host tells.
func (s *Store) checkSlug(ctx context.Context, organization, slug string) error {
	if s.apps.get(organization, slug) != nil {
		// Another facade may have deleted it a moment ago.
		if err := s.catchUp(ctx, client.ObjectKey{Namespace: organization, Name: slug}); err != nil {
			return err
		}
	}
	for _, app := range s.apps.withName(slug) {
		switch {
		case app.Namespace != organization:
		case app.DeletionTimestamp.IsZero():
			return slugTaken()
		default:
			return apierr.Field(wire.FieldSlug, "The app with this slug is still being deleted; try again.")
		}
	}
	return nil
}

// checkName is the 409 about a new Domain whose name is that of one for another app.
func (s *Store) checkName(organization, slug string, plan translate.Plan) error {
	if !plan.NewDomain {
		return nil
	}
	return s.checkDomainName(organization, slug, *plan.Domain.Name)
}

// checkDomainName is the 409 about a Domain for an app that can't be made, since its name is that of one for another app.
func (s *Store) checkDomainName(organization, slug, name string) error {
	domain := s.domains.get(client.ObjectKey{Namespace: organization, Name: name})
	if domain == nil || domain.Spec.AppRef.Name == slug {
		return nil
	}
	return apierr.Conflict(fmt.Sprintf("The Domain that is named %s serves the app %s and is in the way.", name, domain.Spec.AppRef.Name))
}
