package store

import (
	"context"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
)

// OwnerSeen notes for the keys of a person that they have signed in, if that was not noted today. It waits for nothing: it is written later, and at the
// next sign-in if that fails.
func (s *Store) OwnerSeen(account apikey.Account) {
	s.noteSeenOf(func(key apikey.Key) bool { return key.Account == account })
}

// countFromNow notes for keys of people of which nothing says when their owners have signed in, such as those of an earlier version, that they have now.
func (s *Store) countFromNow() {
	s.noteSeenOf(func(key apikey.Key) bool { return key.OwnerSeen.IsZero() })
}

func (s *Store) noteSeenOf(concerned func(apikey.Key) bool) {
	now := s.now()
	for _, key := range s.keys.that(func(key apikey.Key) bool { return s.seenToNote(key) && !key.Expired(now) && concerned(key) }) {
		s.sightings.queue.Add(key.ID)
	}
}

func (s *Store) seenToNote(key apikey.Key) bool {
	return key.Account != (apikey.Account{}) && s.now().Truncate(apikey.SeenPrecision).After(key.OwnerSeen)
}

// noteSeen writes that the owner of a key has signed in.
func (s *Store) noteSeen(ctx context.Context, id string) error {
	key, found := s.keys.get(id)
	if !found || !s.seenToNote(key) {
		return nil
	}
	return s.annotate(ctx, &s.sightings, key, key.SeenPatch(s.now()), s.seenToNote)
}

// Dormant reports whether a key does not work until its owner signs in again.
func (s *Store) Dormant(key apikey.Key) bool {
	from := key.DormantFrom(s.ownerSeen)
	return !from.IsZero() && !s.now().Before(from)
}

// CheckOwner returns nil if a key may be used as far as its owner is concerned, and the 401 that says why not otherwise.
func (s *Store) CheckOwner(key apikey.Key) error {
	if s.Dormant(key) {
		return apierr.OwnerNotSeen(s.ownerSeen)
	}
	return nil
}
