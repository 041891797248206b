package store

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
)

// KeyByHash finds an API key by apikey.Hash of its token. One that has expired isn't found. It has the organizations alone in which it holds.
func (s *Store) KeyByHash(hash string) (apikey.Key, bool) {
	now := s.now()
	key, found := s.keys.withHash(hash, func(key apikey.Key) bool { return !key.Expired(now) })
	return s.WithoutExclusions(key), found
}

// KeyByID returns the API key with this id, also one that has expired; the error is the 404 if there is none.
func (s *Store) KeyByID(id string) (apikey.Key, error) {
	key, found := s.keys.get(id)
	if !found {
		return apikey.Key{}, apierr.NotFound()
	}
	return key, nil
}

// Keys returns the API keys that hold in an organization by its name, the oldest first; those that have expired are among them, those of host
// staff are not.
func (s *Store) Keys(organization string) []apikey.Key {
	return s.keys.that(func(key apikey.Key) bool { return slices.Contains(key.Organizations, organization) })
}

// KeysOf returns the API keys of a person, as apikey.Key.OwnedBy decides, the oldest first; those that have expired are among them.
func (s *Store) KeysOf(address string, account apikey.Account) []apikey.Key {
	return s.keys.that(func(key apikey.Key) bool { return key.OwnedBy(address, account) })
}

// RevokeKey deletes this key, and none that has its id later. One that is gone is no error.
func (s *Store) RevokeKey(ctx context.Context, key apikey.Key) error {
	err := s.own.Delete(ctx, s.secretOf(key), client.Preconditions{UID: &key.UID})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return err
	}
	s.awaitKey(ctx, key.ID, func(now apikey.Key, found bool) bool { return !found || now.UID != key.UID })
	return nil
}

// secretOf is the name of a key's Secret.
func (s *Store) secretOf(key apikey.Key) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: apikey.SecretName(key.ID)}}
}

// awaitKey waits, not for long, for the cache to have seen what was done to a key.
func (s *Store) awaitKey(ctx context.Context, id string, seen func(now apikey.Key, found bool) bool) {
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	s.changes.await(ctx, func() bool {
		now, err := s.KeyByID(id)
		return seen(now, err == nil)
	})
}

// AwaitRevoked returns when the API key with this id is gone, has expired or is dormant, when an organization excludes it, or ctx ends.
func (s *Store) AwaitRevoked(ctx context.Context, id, organization string) {
	for ctx.Err() == nil {
		key, err := s.KeyByID(id)
		if err != nil || key.Expired(s.now()) || s.Dormant(key) || s.Excluded(organization, id) {
			return
		}
		s.awaitEnd(ctx, key, organization)
	}
}

// awaitEnd returns when it is time for a key to expire, when that time is another one, when the key is gone or excluded, or when ctx ends.
func (s *Store) awaitEnd(ctx context.Context, key apikey.Key, organization string) {
	if end := key.StopsAt(s.ownerSeen); !end.IsZero() {
		limited, cancel := context.WithTimeout(ctx, end.Sub(s.now()))
		defer cancel()
		ctx = limited
	}
	s.changes.await(ctx, func() bool {
		now, err := s.KeyByID(key.ID)
		return err != nil || s.Excluded(organization, key.ID) || now.UID != key.UID || !now.StopsAt(s.ownerSeen).Equal(key.StopsAt(s.ownerSeen))
	})
}
