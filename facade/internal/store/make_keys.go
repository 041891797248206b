package store

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
)

// CheckKey returns an *apikey.LimitError if a key exceeds the limits of its owner or of an organization.
func (s *Store) CheckKey(key apikey.Key) error {
	return s.keyLimits.Check(key, s.holding(), s.now())
}

func everyKey(apikey.Key) bool { return true }

// CreateKey writes a key that apikey.New has made. apierrors.IsAlreadyExists tells whether the error says that there is one with its id; it is an
// *apikey.LimitError if there are too many others. As the other methods that write keys, it writes as the facade itself, whoever acts in ctx: that
// they may is for the caller to have asked.
func (s *Store) CreateKey(ctx context.Context, key apikey.Key) error {
	unlock, err := s.lockKeys(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	if _, there := s.keys.get(key.ID); !there {
		if err := s.CheckKey(key); err != nil {
			return err
		}
	}
	secret := key.Secret(s.namespace)
	if err := s.own.Create(ctx, secret); err != nil {
		return withoutValues(err)
	}
	if err := s.recheck(ctx, key); err != nil {
		_ = s.own.Delete(context.WithoutCancel(ctx), secret) // Its token is not shown, so it does no harm if it stays.
		return err
	}
	s.awaitKey(ctx, key.ID, func(_ apikey.Key, found bool) bool { return found })
	s.deleteEndedOf(ctx, key)
	return nil
}

// recheck checks the limits again after a key was written, by what the API server has: another replica may have written one at the same time. Whichever
// was written last sees the others, so the limits hold; if two were, both may be refused.
func (s *Store) recheck(ctx context.Context, key apikey.Key) error {
	if s.keyLimits == (apikey.Limits{}) {
		return nil
	}
	secrets := &corev1.SecretList{}
	if err := s.own.List(ctx, secrets, client.InNamespace(s.namespace), client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey}); err != nil {
		return err
	}
	var keys []apikey.Key
	for i := range secrets.Items {
		if other, err := apikey.FromSecret(&secrets.Items[i]); err == nil {
			keys = append(keys, s.WithoutExclusions(other))
		}
	}
	return s.keyLimits.Check(key, keys, s.now())
}

// RotateKey makes a key that replaces this one where it holds, with the id that is given or a new random one if that is empty, and returns it with its token.
// The one that is replaced stops working after overlap, which is at once for zero; one that expires earlier still does. If it can't be told to
// stop, there is no new key. apierrors.IsAlreadyExists is as with CreateKey, and so is *apikey.LimitError, if too many replaced keys still work.
func (s *Store) RotateKey(ctx context.Context, old apikey.Key, id string, overlap time.Duration) (apikey.Key, string, error) {
	unlock, err := s.lockKeys(ctx, old)
	if err != nil {
		return apikey.Key{}, "", err
	}
	defer unlock()
	if old = s.WithoutExclusions(old); len(old.Organizations) == 0 {
		return apikey.Key{}, "", apierr.Forbidden()
	}
	now := s.now()
	if _, there := s.keys.get(id); overlap > 0 && !there {
		if err := s.keyLimits.CheckReplaced(old, s.holding(), now); err != nil {
			return apikey.Key{}, "", err
		}
	}
	rotation := apikey.Rotation{ID: id, Now: now, Retire: now.Add(overlap), Longest: s.keyLimits.Life}
	key, token, err := apikey.Rotate(ctx, s.own, s.namespace, old, rotation)
	if err != nil {
		return apikey.Key{}, "", withoutValues(err)
	}
	s.awaitKey(ctx, key.ID, func(_ apikey.Key, found bool) bool { return found })
	s.awaitKey(ctx, old.ID, func(now apikey.Key, found bool) bool { return !found || !now.Retires.IsZero() })
	s.deleteEndedOf(ctx, key)
	return key, token, nil
}

// lockKeys has one key at a time be made in an organization by this replica, so that each is counted before the next one is made.
func (s *Store) lockKeys(ctx context.Context, key apikey.Key) (unlock func(), err error) {
	lock := client.ObjectKey{Namespace: s.namespace}
	if len(key.Organizations) > 0 {
		lock.Name = key.Organizations[0]
	}
	return s.locks.lock(ctx, lock)
}
