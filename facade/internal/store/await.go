package store

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/internal/secretsize"
)

// seenTimeout is how long an answer to a write is held back for the caches to see it, so that the client's next read does.
const seenTimeout = 5 * time.Second

// awaitSeen waits for the caches to have what was written. If they are late, the client's next read may be, too. It waits also for a client
// that has gone: whose turn is next must find what was written.
func (s *Store) awaitSeen(ctx context.Context, w *writer, written translate.Observed) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenTimeout)
	defer cancel()
	s.changes.await(ctx, func() bool {
		app := s.apps.get(written.App.Namespace, written.App.Name)
		if app == nil || !reached(app.ResourceVersion, written.App.ResourceVersion) || !s.domainSeen(written.Domain) {
			return false
		}
		for _, secret := range w.made {
			if !s.secretSeen(ctx, secret) {
				return false
			}
		}
		for _, secret := range w.dropped {
			if s.budget.sizeOf(client.ObjectKeyFromObject(secret)) > 0 {
				return false
			}
		}
		return w.spent == nil || s.gone(ctx, w.spent)
	})
}

func (s *Store) domainSeen(written *v1alpha1.Domain) bool {
	if written == nil {
		return true
	}
	domain := s.domains.get(client.ObjectKeyFromObject(written))
	return domain != nil && reached(domain.ResourceVersion, written.ResourceVersion)
}

func (s *Store) secretSeen(ctx context.Context, written *corev1.Secret) bool {
	secret := &corev1.Secret{}
	err := s.cache.Get(ctx, client.ObjectKeyFromObject(written), secret, client.UnsafeDisableDeepCopy)
	// What is counted of it comes a moment after the Secret itself.
	counted := !secretsize.Counts(written) || len(written.Data) == 0 || s.budget.sizeOf(client.ObjectKeyFromObject(written)) > 0
	return err == nil && counted && reached(secret.ResourceVersion, written.ResourceVersion)
}

// gone tells whether the cache has no Secret of this name any more.
func (s *Store) gone(ctx context.Context, secret *corev1.Secret) bool {
	return s.cache.Get(ctx, client.ObjectKeyFromObject(secret), &corev1.Secret{}, client.UnsafeDisableDeepCopy) != nil
}

// awaitGone waits for the caches to have seen that an App and its Domains go, as awaitSeen also for a client that has gone.
func (s *Store) awaitGone(ctx context.Context, app *v1alpha1.App, domains []*v1alpha1.Domain) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenTimeout)
	defer cancel()
	s.AwaitGone(ctx, app)
	s.changes.await(ctx, func() bool {
		for _, domain := range domains {
			// Somebody else may have made another of its name by now.
			if now := s.domains.get(client.ObjectKeyFromObject(domain)); now != nil && now.UID == domain.UID {
				return false
			}
		}
		return true
	})
}

// awaitNewer waits, not for long, for the cache to have another version of an app or its Domain than the one that a plan was made for, or a
// Domain that the plan was to make, and reports whether it does.
func (s *Store) awaitNewer(ctx context.Context, old translate.Observed, plan translate.Plan, find finder) bool {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	return s.changes.await(ctx, func() bool {
		if plan.NewDomain && s.domains.get(client.ObjectKey{Namespace: old.App.Namespace, Name: *plan.Domain.Name}) != nil {
			return true
		}
		now, err := find(ctx)
		if err != nil || now.App.ResourceVersion != old.App.ResourceVersion {
			return true
		}
		return versionOf(now.Domain) != versionOf(old.Domain)
	})
}

func versionOf(domain *v1alpha1.Domain) string {
	if domain == nil {
		return ""
	}
	return domain.ResourceVersion
}
