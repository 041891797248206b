package store

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/policy"
)

// indexHost is an index of the cache.
const indexHost = "spec.host"

// +kubebuilder:rbac:groups=berth.dev,resources=apps;domains,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// +kubebuilder:rbac:groups=berth.dev,resources=organizations,verbs=list;watch

func (s *Store) addIndexes(ctx context.Context) error {
	hosts := func(object client.Object) []string {
		domain, ok := object.(*v1alpha1.Domain)
		if !ok {
			return nil
		}
		return []string{domain.Spec.Host}
	}
	if err := s.cache.IndexField(ctx, &v1alpha1.Domain{}, indexHost, hosts); err != nil {
		return fmt.Errorf("index Domains by %s: %w", indexHost, err)
	}
	return nil
}

// Organization is nil if there is an organization of this name, and the 404 if not.
func (s *Store) Organization(ctx context.Context, name string) error {
	_, err := s.externalID(ctx, name)
	return err
}

// Organizations are the names of all organizations, sorted.
func (s *Store) Organizations(ctx context.Context) ([]string, error) {
	organizations := &v1alpha1.OrganizationList{}
	if err := s.cache.List(ctx, organizations, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the organizations: %w", err)
	}
	namespaces := &corev1.NamespaceList{}
	if err := s.cache.List(ctx, namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the Namespaces: %w", err)
	}
	names := make([]string, 0, len(organizations.Items))
	for i := range organizations.Items {
		names = append(names, organizations.Items[i].Name)
	}
	for i := range namespaces.Items {
		if n := &namespaces.Items[i]; policy.Migrates(n) {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Get returns an app with what translate.ToWire shows of it but the values of its variables, which EnvOf adds; the error is the 404 if there is none.
func (s *Store) Get(ctx context.Context, organization, slug string) (translate.Observed, error) {
	observed, err := s.bare(ctx, organization, slug)
	if err != nil {
		return translate.Observed{}, err
	}
	return observed, s.addSecrets(ctx, observed, translate.AppSecretNames(observed))
}

// whole returns an app with all that belongs to it; the error is the 404 if there is none.
func (s *Store) whole(ctx context.Context, organization, slug string) (translate.Observed, error) {
	observed, err := s.bare(ctx, organization, slug)
	if err != nil {
		return translate.Observed{}, err
	}
	return observed, s.addSecrets(ctx, observed, translate.SecretNames(s.platform, observed))
}

// bare returns an app without Secrets; the error is the 404 if there is none.
func (s *Store) bare(ctx context.Context, organization, slug string) (translate.Observed, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return translate.Observed{}, err
	}
	app := s.apps.get(organization, slug)
	if app == nil {
		return translate.Observed{}, apierr.NotFound()
	}
	return observe(app, s.domainFor(organization, slug), externalID), nil
}

// Slugs returns the slugs of an organization's apps, sorted. The result is empty if the organization does not exist.
func (s *Store) Slugs(organization string) []string {
	apps, _, _ := s.apps.page(organization, func(total int) (int, int, error) { return 0, total, nil })
	slugs := make([]string, 0, len(apps))
	for _, app := range apps {
		slugs = append(slugs, app.Name)
	}
	return slugs
}

// List returns the apps of an organization that window picks out of their number, by slug, as Get does, and the number. The error is the 404 if
// there is no such organization, or what window says.
func (s *Store) List(ctx context.Context, organization string, window func(total int) (first, end int, err error)) ([]translate.Observed, int, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return nil, 0, err
	}
	apps, total, err := s.apps.page(organization, window)
	if err != nil {
		return nil, 0, err
	}
	all := make([]translate.Observed, 0, len(apps))
	for _, app := range apps {
		observed := observe(app, s.domainFor(organization, app.Name), externalID)
		if err := s.addSecrets(ctx, observed, translate.AppSecretNames(observed)); err != nil {
			return nil, 0, err
		}
		all = append(all, observed)
	}
	return all, total, nil
}

// externalID returns the external id of an organization, which is empty until the operator has set it up; the error is the 404 if there is no
// such organization.
func (s *Store) externalID(ctx context.Context, name string) (string, error) {
	organization := &v1alpha1.Organization{}
	err := s.cache.Get(ctx, client.ObjectKey{Name: name}, organization, client.UnsafeDisableDeepCopy)
	if !apierrors.IsNotFound(err) {
		return organization.Status.ExternalID, err
	}
	// During an upgrade the facade may be newer than the operator that creates the Organization.
	namespace := &corev1.Namespace{}
	if s.cache.Get(ctx, client.ObjectKey{Name: name}, namespace, client.UnsafeDisableDeepCopy) == nil && policy.Migrates(namespace) {
		return namespace.Annotations[v1alpha1.AnnotationExternalID], nil
	}
	return "", err
}

// isNamespace reports whether the cluster has a Namespace of a name.
func (s *Store) isNamespace(name string) bool {
	return s.cache.Get(context.Background(), client.ObjectKey{Name: name}, &corev1.Namespace{}, client.UnsafeDisableDeepCopy) == nil
}

// AwaitGone returns when an App is gone or being deleted, or ctx ends.
func (s *Store) AwaitGone(ctx context.Context, app *v1alpha1.App) {
	s.changes.await(ctx, func() bool {
		now := s.apps.get(app.Namespace, app.Name)
		return now == nil || now.UID != app.UID
	})
}

// observe returns an App and one of its Domains, or none, without Secrets.
func observe(app *v1alpha1.App, domain *v1alpha1.Domain, externalID string) translate.Observed {
	return translate.Observed{App: app, Domain: domain, ExternalID: externalID, Secrets: map[string]*corev1.Secret{}, EnvSizes: map[string]map[string]int{}}
}

// addSecrets adds to what is observed the Secrets with these names that are there.
func (s *Store) addSecrets(ctx context.Context, observed translate.Observed, names []string) error {
	for _, name := range names {
		if observed.Secrets[name] != nil {
			continue
		}
		secret := &corev1.Secret{}
		err := s.cache.Get(ctx, client.ObjectKey{Namespace: observed.App.Namespace, Name: name}, secret, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("find the Secrets of %s: %w", observed.App.Name, err)
		}
		if err == nil {
			observed.Secrets[name] = secret
			if sizes, ok := encodedSizes.Get(secret); ok {
				observed.EnvSizes[name] = sizes
			}
		}
	}
	return nil
}
