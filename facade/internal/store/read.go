package store

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// Indexes of the cache.
const (
	indexHost = "spec.host"
	indexHash = "data.sha256"
)

// +kubebuilder:rbac:groups=berth.dev,resources=apps;domains,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch

func (s *Store) addIndexes(ctx context.Context) error {
	for _, index := range []struct {
		object client.Object
		field  string
		values client.IndexerFunc
	}{
		{&v1alpha1.Domain{}, indexHost, valuesOf(func(d *v1alpha1.Domain) []string { return []string{d.Spec.Host} })},
		{&corev1.Secret{}, indexHash, valuesOf(s.keyHashes)},
	} {
		if err := s.cache.IndexField(ctx, index.object, index.field, index.values); err != nil {
			return fmt.Errorf("index %T by %s: %w", index.object, index.field, err)
		}
	}
	return nil
}

// valuesOf makes an indexer's function of one for objects of a type.
func valuesOf[T client.Object](values func(T) []string) client.IndexerFunc {
	return func(object client.Object) []string {
		typed, ok := object.(T)
		if !ok {
			return nil
		}
		return values(typed)
	}
}

// Organization is nil if there is an organization of this name, and the 404 if not.
func (s *Store) Organization(ctx context.Context, name string) error {
	_, err := s.externalID(ctx, name)
	return err
}

// Organizations are the names of all organizations, sorted.
func (s *Store) Organizations(ctx context.Context) ([]string, error) {
	namespaces := &corev1.NamespaceList{}
	if err := s.cache.List(ctx, namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the organizations: %w", err)
	}
	names := make([]string, 0, len(namespaces.Items))
	for i := range namespaces.Items {
		names = append(names, namespaces.Items[i].Name)
	}
	slices.Sort(names)
	return names, nil
}

// Get returns an app with what belongs to it; the error is the 404 if there is none.
func (s *Store) Get(ctx context.Context, organization, slug string) (translate.Observed, error) {
	externalID, err := s.externalID(ctx, organization)
	if err != nil {
		return translate.Observed{}, err
	}
	app := s.apps.get(organization, slug)
	if app == nil {
		return translate.Observed{}, apierr.NotFound()
	}
	return s.observe(ctx, app, s.domainFor(organization, slug), externalID)
}

// List returns the apps of an organization that window picks out of their number, by slug, and the number. The error is the 404 if there is no
// such organization, or what window says.
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
		observed, err := s.observe(ctx, app, s.domainFor(organization, app.Name), externalID)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, observed)
	}
	return all, total, nil
}

// externalID returns the external id of an organization; the error is the 404 if it is none.
func (s *Store) externalID(ctx context.Context, organization string) (string, error) {
	namespace := &corev1.Namespace{}
	if err := s.cache.Get(ctx, client.ObjectKey{Name: organization}, namespace, client.UnsafeDisableDeepCopy); err != nil {
		return "", err
	}
	return namespace.Annotations[v1alpha1.AnnotationExternalID], nil
}

// AwaitGone returns when an App is gone or being deleted, or ctx ends.
func (s *Store) AwaitGone(ctx context.Context, app *v1alpha1.App) {
	s.changes.await(ctx, func() bool {
		now := s.apps.get(app.Namespace, app.Name)
		return now == nil || now.UID != app.UID
	})
}

// observe returns an App and one of its Domains, or none, with what belongs to them.
func (s *Store) observe(ctx context.Context, app *v1alpha1.App, domain *v1alpha1.Domain, externalID string) (translate.Observed, error) {
	observed := translate.Observed{App: app, Domain: domain, ExternalID: externalID, Secrets: map[string]*corev1.Secret{}}
	for _, name := range translate.SecretNames(s.platform, observed) {
		secret := &corev1.Secret{}
		err := s.cache.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: name}, secret, client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return observed, fmt.Errorf("find the Secrets of %s: %w", app.Name, err)
		}
		if err == nil {
			observed.Secrets[name] = secret
		}
	}
	return observed, nil
}
