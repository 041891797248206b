package store

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
)

// maxExclusions is how many keys an organization can exclude by the profile page.
const maxExclusions = 200

// maxStale is how many exclusions of keys that are gone are deleted with one that is made: each is a request to the API server that the caller waits for.
const maxStale = 10

// exclusions are the keys that organizations exclude.
type exclusions struct {
	mu sync.RWMutex
	// byOrganization are the ids of keys.
	byOrganization map[string]map[string]bool
}

func (e *exclusions) set(secret *corev1.Secret) {
	id, ok := apikey.ExcludedBy(secret)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byOrganization == nil {
		e.byOrganization = map[string]map[string]bool{}
	}
	if e.byOrganization[secret.Namespace] == nil {
		e.byOrganization[secret.Namespace] = map[string]bool{}
	}
	e.byOrganization[secret.Namespace][id] = true
}

func (e *exclusions) remove(secret *corev1.Secret) {
	id, ok := apikey.ExcludedBy(secret)
	if !ok {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byOrganization[secret.Namespace], id)
	if len(e.byOrganization[secret.Namespace]) == 0 {
		delete(e.byOrganization, secret.Namespace)
	}
}

func (e *exclusions) has(organization, id string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.byOrganization[organization][id]
}

func (e *exclusions) of(organization string) (ids []string) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id := range e.byOrganization[organization] {
		ids = append(ids, id)
	}
	return ids
}

// Excluded reports whether an organization excludes a key.
func (s *Store) Excluded(organization, id string) bool { return s.exclusions.has(organization, id) }

// WithoutExclusions returns a key with the organizations alone in which it holds.
func (s *Store) WithoutExclusions(key apikey.Key) apikey.Key {
	return key.Without(func(organization string) bool { return s.exclusions.has(organization, key.ID) })
}

// holding are all keys, each with the organizations in which it holds.
func (s *Store) holding() []apikey.Key {
	keys := s.keys.that(everyKey)
	for i := range keys {
		keys[i] = s.WithoutExclusions(keys[i])
	}
	return keys
}

// ExcludeKey excludes a key from an organization, as whoever acts in ctx. Exclusions of keys that are gone are deleted, so that they do not add up.
func (s *Store) ExcludeKey(ctx context.Context, organization, id string) error {
	ids := s.exclusions.of(organization)
	stale := slices.DeleteFunc(slices.Clone(ids), func(other string) bool { _, there := s.keys.get(other); return there || other == id })
	left := len(ids)
	for _, other := range stale[:min(len(stale), maxStale)] {
		if s.client.Delete(ctx, apikey.Exclusion(organization, other)) == nil { // Otherwise, the next exclusion tries again.
			left--
		}
	}
	if left >= maxExclusions && !slices.Contains(ids, id) {
		return apierr.Conflict("The organization excludes 200 API keys, which is the maximum. Let one in again that is not in use any more, or ask the " +
			"platform's administrators to revoke it.")
	}
	if err := s.client.Create(ctx, apikey.Exclusion(organization, id)); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	s.awaitExclusion(ctx, organization, id, true)
	return nil
}

// AdmitKey lets a key hold in an organization again that has excluded it, as whoever acts in ctx.
func (s *Store) AdmitKey(ctx context.Context, organization, id string) error {
	if err := s.client.Delete(ctx, apikey.Exclusion(organization, id)); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	s.awaitExclusion(ctx, organization, id, false)
	return nil
}

// awaitExclusion waits, not for long, for the cache to have seen what was done.
func (s *Store) awaitExclusion(ctx context.Context, organization, id string, excluded bool) {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	s.changes.await(ctx, func() bool { return s.exclusions.has(organization, id) == excluded })
}
