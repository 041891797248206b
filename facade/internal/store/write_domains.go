package store

import (
	"context"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/host"
)

// ChangeDomain changes what GetDomain finds by a name, as Change does an app.
func (s *Store) ChangeDomain(ctx context.Context, organization, name string, plan Planner) (translate.Observed, error) {
	find := s.domainFinder(organization, name)
	now, err := s.latest(ctx, s.appCalled(organization, name), find, nil)
	if err != nil {
		return translate.Observed{}, err
	}
	return s.change(ctx, client.ObjectKeyFromObject(now.App), find, ofDomain, plan)
}

// DomainExists is nil if GetDomain finds something to change by a name, and the 404 if not.
func (s *Store) DomainExists(ctx context.Context, organization, name string) error {
	_, err := s.latest(ctx, s.appCalled(organization, name), s.domainFinder(organization, name), nil)
	return err
}

func (s *Store) domainFinder(organization, name string) finder {
	return s.withKeys(func(ctx context.Context) (translate.Observed, error) { return s.GetDomain(ctx, organization, name) })
}

// appCalled is the App that would be meant by a name for GetDomain if no Domain is: by its slug or default host. Its name is empty if none can
// be.
func (s *Store) appCalled(organization, name string) client.ObjectKey {
	slug := host.Canonical(name)
	if strings.Contains(slug, ".") {
		slug = s.platform.Hosts.DefaultOf(slug)
	}
	return client.ObjectKey{Namespace: organization, Name: slug}
}

// CreateDomain makes a Domain for an app of an organization, or of any if it is empty. The error is a 400 that names the slug if the body
// doesn't tell which app, or the domain if it is taken.
func (s *Store) CreateDomain(ctx context.Context, organization string, body wire.DomainBody) (translate.Observed, error) {
	if body.Domain == nil {
		return translate.Observed{}, apierr.Field(wire.FieldDomain, "This field is required.")
	}
	if organization != "" && body.Slug != nil {
		if err := s.settle(ctx, client.ObjectKey{Namespace: organization, Name: *body.Slug}); err != nil {
			return translate.Observed{}, err
		}
	}
	app, err := s.appOf(ctx, organization, body)
	if err != nil {
		return translate.Observed{}, err
	}
	plan := func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error) {
		return translate.CreateDomain(platform, observed, s.freeName(observed, body, fresh), body, fresh)
	}
	key := client.ObjectKeyFromObject(app)
	return s.change(ctx, key, s.withKeys(s.appFinder(key)), ofDomain, plan)
}

// appOf is the app that a new Domain is for: the one that the body names, or whose slug is the first label of the host, or the only one of the
// organization. The error is a 400 that names the slug if there is none.
func (s *Store) appOf(ctx context.Context, organization string, body wire.DomainBody) (*v1alpha1.App, error) {
	if body.Slug != nil {
		if app := s.appNamed(ctx, organization, *body.Slug); app != nil {
			return app, nil
		}
		return nil, apierr.Field(wire.FieldSlug, "There is no app with this slug.")
	}
	label, _, _ := strings.Cut(*body.Domain, ".")
	app := s.appNamed(ctx, organization, label)
	if app == nil && organization != "" {
		app = s.OnlyApp(organization)
	}
	if app == nil {
		return nil, apierr.Field(wire.FieldSlug, "slug is required: it says which app the domain is for.")
	}
	return app, nil
}

// appNamed is the app of an organization, or of any if it is empty, with a slug; nil if there is none or more than one.
func (s *Store) appNamed(ctx context.Context, organization, slug string) *v1alpha1.App {
	if organization != "" {
		return s.apps.get(organization, slug)
	}
	apps := slices.DeleteFunc(s.apps.withName(slug), func(a *v1alpha1.App) bool {
		return !a.DeletionTimestamp.IsZero() || s.Organization(ctx, a.Namespace) != nil
	})
	if len(apps) != 1 {
		return nil
	}
	return apps[0]
}

// freeName is the name for a new Domain of an app: the app's for the first, which makes it the one that is shown with the app, and the host for
// others. If that is another Domain's, chance makes one.
func (s *Store) freeName(observed translate.Observed, body wire.DomainBody, fresh translate.Fresh) string {
	var names []string
	if observed.Domain == nil {
		names = append(names, observed.App.Name)
	}
	for _, name := range append(names, *body.Domain) {
		if s.domains.get(client.ObjectKey{Namespace: observed.App.Namespace, Name: name}) == nil {
			return name
		}
	}
	return observed.App.Name + "-" + fresh.Suffix
}

// OnlyApp is the app of an organization that has no other, or nil.
func (s *Store) OnlyApp(organization string) *v1alpha1.App { return s.apps.only(organization) }
