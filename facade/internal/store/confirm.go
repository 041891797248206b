package store

import (
	"context"
	"errors"
	"maps"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// confirm makes sure that what a plan needs and doesn't write is what was observed: another facade may have written a moment ago what this
// one's cache doesn't have yet. The error is a conflict if it isn't.
func (s *Store) confirm(ctx context.Context, plan translate.Plan, observed translate.Observed) error {
	if plan.NeedsApp {
		if err := s.expect(ctx, "App", observed.App); err != nil {
			return err
		}
	}
	if !plan.NeedsDomain {
		return nil
	}
	if observed.Domain != nil {
		return s.expect(ctx, "Domain", observed.Domain)
	}
	return s.expect(ctx, "Domain", &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: observed.App.Namespace, Name: observed.App.Name}})
}

// expect makes sure that an object is what the cache has; one without a UID isn't there. The error is a conflict if it isn't.
func (s *Store) expect(ctx context.Context, kind string, want client.Object) error {
	found, err := s.lookUp(ctx, kind, client.ObjectKeyFromObject(want))
	if err == nil && !alike(found, want) {
		err = stale(kind, want.GetName())
	}
	return err
}

// outdated reports whether a plan was refused with a 409 because of objects that the API server has otherwise by now: a field manager may have set or
// given back a field a moment ago. Who manages a field is not part of the generation, so resource versions are compared.
func (s *Store) outdated(ctx context.Context, observed translate.Observed, refusal error) bool {
	var refused *apierr.Error
	if !errors.As(refusal, &refused) || refused.Status != http.StatusConflict {
		return false
	}
	behind, err := s.isBehind(ctx, observed)
	return err == nil && behind
}

// isBehind reports whether the API server has another version of an App or its Domain than was observed.
func (s *Store) isBehind(ctx context.Context, observed translate.Observed) (bool, error) {
	now, err := s.lookUp(ctx, "App", client.ObjectKeyFromObject(observed.App))
	if err != nil || now.ResourceVersion != observed.App.ResourceVersion || observed.Domain == nil {
		return err == nil && now.ResourceVersion != observed.App.ResourceVersion, err
	}
	now, err = s.lookUp(ctx, "Domain", client.ObjectKeyFromObject(observed.Domain))
	return err == nil && now.ResourceVersion != observed.Domain.ResourceVersion, err
}

// lookUp returns the metadata of an object as the API server has it; without a UID if there is none. The facade asks as itself. It doesn't list, which
// the API server does from a cache of its own, after it has waited up to a tenth of a second for that to be up to date.
func (s *Store) lookUp(ctx context.Context, kind string, key client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	found := &metav1.PartialObjectMetadata{}
	found.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	return found, client.IgnoreNotFound(s.own.Get(ctx, key, found))
}

// stale is the conflict about an object that the cache has otherwise than the API server.
func stale(kind, name string) error {
	resource, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(kind))
	return apierrors.NewConflict(resource.GroupResource(), name, errors.New("it isn't what the cache has"))
}

// alike tells whether two are the same object as far as clients have a say in it: its status leaves that as it is.
func alike(a, b client.Object) bool {
	return a.GetUID() == b.GetUID() && a.GetGeneration() == b.GetGeneration() && maps.Equal(a.GetAnnotations(), b.GetAnnotations())
}

// settle lets the cache catch up if it lacks an App that a write is about: another facade may have made it a moment ago. Only what is likely to
// be refused costs a request.
func (s *Store) settle(ctx context.Context, app client.ObjectKey) error {
	if s.apps.get(app.Namespace, app.Name) != nil || len(validation.IsDNS1123Label(app.Name)) > 0 {
		return nil
	}
	if s.Organization(ctx, app.Namespace) != nil {
		return nil //nolint:nilerr // Whoever writes is told of that by what comes next.
	}
	return s.catchUp(ctx, app)
}

// catchUp asks the API server once which App has a name, and if the cache has another one or none, waits for that to change. The error is a
// conflict if it doesn't.
func (s *Store) catchUp(ctx context.Context, app client.ObjectKey) error {
	before := s.uidOf(app)
	found, err := s.lookUp(ctx, "App", app)
	if err != nil {
		return err
	}
	now := found.UID
	if found.DeletionTimestamp != nil {
		now = ""
	}
	if now == before {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	if !s.changes.await(ctx, func() bool { return s.uidOf(app) != before }) {
		return stale("App", app.Name)
	}
	return nil
}

// uidOf is the UID of the App with a name in the cache; empty if there is none or it is being deleted.
func (s *Store) uidOf(app client.ObjectKey) types.UID {
	if found := s.apps.get(app.Namespace, app.Name); found != nil {
		return found.UID
	}
	return ""
}
