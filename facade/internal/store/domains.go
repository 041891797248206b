package store

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/host"
)

// GetDomain returns what a name is of: an app with the Domain that the REST API shows with it, if the name is its slug, else a Domain, or the
// app without one, with this host. The error is the 404 if there is none.
func (s *Store) GetDomain(ctx context.Context, organization, name string) (translate.Observed, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return translate.Observed{}, err
	}
	app, domain, err := s.called(ctx, organization, host.Canonical(name))
	if err != nil {
		return translate.Observed{}, err
	}
	observed := observe(app, domain, externalID)
	return observed, s.addSecrets(ctx, observed, translate.SecretNames(s.platform, observed))
}

// called returns what GetDomain finds by a name.
func (s *Store) called(ctx context.Context, organization, name string) (*v1alpha1.App, *v1alpha1.Domain, error) {
	if app := s.apps.get(organization, name); app != nil {
		return app, s.domainFor(organization, name), nil
	}
	domains, err := s.liveDomains(ctx, client.InNamespace(organization), client.MatchingFields{indexHost: name})
	if err != nil {
		return nil, nil, err
	}
	domains = slices.DeleteFunc(domains, func(d *v1alpha1.Domain) bool { return s.apps.get(organization, d.Spec.AppRef.Name) == nil })
	if domain := translate.Primary("", domains); domain != nil {
		return s.apps.get(organization, domain.Spec.AppRef.Name), domain, nil
	}
	app := s.apps.get(organization, s.platform.Hosts.DefaultOf(name))
	if app == nil {
		return nil, nil, apierr.NotFound()
	}
	if s.domainFor(organization, app.Name) != nil {
		return nil, nil, apierr.NotFound()
	}
	return app, nil, nil
}

// ListDomains returns the Domains of an organization, or of all if it is empty, that window picks out of their number, and the number. They are
// in the order of the organizations and their apps; of an app, the one that the REST API shows with it comes first and the others by host. An
// app without a Domain counts as one. The error is the 404 if there is no such organization, or what window says.
func (s *Store) ListDomains(ctx context.Context, organization string, window func(total int) (first, end int, err error)) ([]translate.Observed, int, error) {
	organizations, err := s.organizations(ctx, organization)
	if err != nil {
		return nil, 0, err
	}
	page, total, err := s.page(organizations, window)
	if err != nil {
		return nil, 0, err
	}
	all := make([]translate.Observed, 0, len(page))
	for _, one := range page {
		observed := observe(one.app, one.domain, "")
		if err := s.addSecrets(ctx, observed, translate.SecretNames(s.platform, observed)); err != nil {
			return nil, 0, err
		}
		all = append(all, observed)
	}
	return all, total, nil
}

// organizations are the one of a name, or all if it is empty. The error is the 404 if there is none.
func (s *Store) organizations(ctx context.Context, name string) ([]string, error) {
	if name == "" {
		return s.Organizations(ctx)
	}
	return []string{name}, s.Organization(ctx, name)
}

// domainFor returns the Domain that the REST API shows with an app of this slug, or nil.
func (s *Store) domainFor(organization, slug string) *v1alpha1.Domain {
	domains := s.domains.ofApp(organization, slug)
	if len(domains) == 0 {
		return nil
	}
	return domains[0]
}

// liveDomains returns Domains that aren't being deleted.
func (s *Store) liveDomains(ctx context.Context, options ...client.ListOption) ([]*v1alpha1.Domain, error) {
	list := &v1alpha1.DomainList{}
	if err := s.cache.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, fmt.Errorf("find Domains: %w", err)
	}
	live := make([]*v1alpha1.Domain, 0, len(list.Items))
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			live = append(live, &list.Items[i])
		}
	}
	return live, nil
}
