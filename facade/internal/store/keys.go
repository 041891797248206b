package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/apikey"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

// keyHashes are the hashes that a Secret is found by: that of the key that it stands for.
func (s *Store) keyHashes(secret *corev1.Secret) []string {
	if secret.Namespace != s.namespace {
		return nil
	}
	key, err := apikey.FromSecret(secret)
	if err != nil {
		return nil
	}
	return []string{key.Hash}
}

// KeyByHash finds an API key by apikey.Hash of its token. One that has expired isn't found.
func (s *Store) KeyByHash(ctx context.Context, hash string) (apikey.Key, bool) {
	secrets := &corev1.SecretList{}
	err := s.cache.List(ctx, secrets, client.InNamespace(s.namespace), client.MatchingFields{indexHash: hash}, client.UnsafeDisableDeepCopy)
	if err != nil || len(secrets.Items) == 0 {
		return apikey.Key{}, false
	}
	key, err := apikey.FromSecret(&secrets.Items[0])
	return key, err == nil && !key.Expired(s.now())
}

// KeyByID returns the API key with this id, also one that has expired; the error is the 404 if there is none.
func (s *Store) KeyByID(ctx context.Context, id string) (apikey.Key, error) {
	secret := &corev1.Secret{}
	name := client.ObjectKey{Namespace: s.namespace, Name: apikey.SecretName(id)}
	if err := s.cache.Get(ctx, name, secret, client.UnsafeDisableDeepCopy); err != nil {
		return apikey.Key{}, err
	}
	key, err := apikey.FromSecret(secret)
	if err != nil {
		return apikey.Key{}, apierr.NotFound()
	}
	return key, nil
}

// Keys returns the API keys that hold in an organization by its name, the oldest first; those that have expired are among them, those of host
// staff are not.
func (s *Store) Keys(ctx context.Context, organization string) ([]apikey.Key, error) {
	return s.keysThat(ctx, func(key apikey.Key) bool { return slices.Contains(key.Organizations, organization) })
}

// KeysOfOwner returns the API keys that have this owner, as apikey.SameOwner tells, the oldest first; those that have expired are among them.
func (s *Store) KeysOfOwner(ctx context.Context, owner string) ([]apikey.Key, error) {
	return s.keysThat(ctx, func(key apikey.Key) bool { return apikey.SameOwner(key.Owner, owner) })
}

func (s *Store) keysThat(ctx context.Context, wanted func(apikey.Key) bool) ([]apikey.Key, error) {
	secrets := &corev1.SecretList{}
	labelled := client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey}
	if err := s.cache.List(ctx, secrets, client.InNamespace(s.namespace), labelled, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the API keys: %w", err)
	}
	var keys []apikey.Key
	for i := range secrets.Items {
		if key, err := apikey.FromSecret(&secrets.Items[i]); err == nil && wanted(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, apikey.Older)
	return keys, nil
}

// CreateKey writes a key that apikey.New has made. apierrors.IsAlreadyExists tells whether the error says that there is one with its id. As the
// other methods that write keys, it writes as the facade itself, whoever acts in ctx: that they may is for the caller to have asked.
func (s *Store) CreateKey(ctx context.Context, key apikey.Key) error {
	secret := key.Secret(s.namespace)
	if err := s.own.Create(ctx, secret); err != nil {
		return withoutValues(err)
	}
	s.awaitKey(ctx, key.ID, func(_ apikey.Key, found bool) bool { return found })
	return nil
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

// RotateKey makes a key that replaces this one, with the id that is given or a new random one if that is empty, and returns it with its token.
// The one that is replaced stops working after overlap, which is at once for zero; one that expires earlier still does. If it can't be told to
// stop, there is no new key. apierrors.IsAlreadyExists is as with CreateKey.
func (s *Store) RotateKey(ctx context.Context, old apikey.Key, id string, overlap time.Duration) (apikey.Key, string, error) {
	now := s.now()
	key, token, err := apikey.Rotate(ctx, s.own, s.namespace, old, id, now, now.Add(overlap))
	if err != nil {
		return apikey.Key{}, "", withoutValues(err)
	}
	s.awaitKey(ctx, key.ID, func(_ apikey.Key, found bool) bool { return found })
	s.awaitKey(ctx, old.ID, func(now apikey.Key, found bool) bool { return !found || !now.Retires.IsZero() })
	return key, token, nil
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
		now, err := s.KeyByID(ctx, id)
		return seen(now, err == nil)
	})
}

// AwaitRevoked returns when the API key with this id is gone or has expired, or ctx ends.
func (s *Store) AwaitRevoked(ctx context.Context, id string) {
	for ctx.Err() == nil {
		key, err := s.KeyByID(ctx, id)
		if err != nil || key.Expired(s.now()) {
			return
		}
		s.awaitEnd(ctx, key)
	}
}

// awaitEnd returns when it is time for a key to expire, when that time is another one, when the key is gone, or when ctx ends.
func (s *Store) awaitEnd(ctx context.Context, key apikey.Key) {
	if end := key.End(); !end.IsZero() {
		limited, cancel := context.WithTimeout(ctx, end.Sub(s.now()))
		defer cancel()
		ctx = limited
	}
	s.changes.await(ctx, func() bool {
		now, err := s.KeyByID(ctx, key.ID)
		return err != nil || now.UID != key.UID || !now.End().Equal(key.End())
	})
}
