package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/berth-dev/berth/internal/apikey"
)

// collectInterval is how often what was kept for long enough is deleted.
const collectInterval = 10 * time.Minute

// collect deletes ended sessions whose cookies are not valid any more, and keys that have ended long ago, and notes since when owners are waited for,
// until ctx ends. Every replica does; what another one has deleted is gone.
func (s *Store) collect(ctx context.Context) {
	if err := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) { return s.Synced(), nil }); err != nil {
		return
	}
	ticker := time.NewTicker(collectInterval)
	defer ticker.Stop()
	for {
		s.ForgetEndedBefore(ctx, s.now().Add(-keepEnded))
		s.DeleteKeysEndedBefore(ctx, s.now().Add(-apikey.KeepEnded))
		s.countFromNow()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// DeleteKeysEndedBefore deletes the keys that ended before a time.
func (s *Store) DeleteKeysEndedBefore(ctx context.Context, at time.Time) {
	s.deleteEnded(ctx, s.keys.that(func(key apikey.Key) bool { return key.EndedBefore(at) }))
}

// deleteEndedOf deletes the keys of an owner that ended first, if there are more of them than the owner may have keys: otherwise, rotations would leave
// any number. Keys without an owner are made by the platform's staff alone.
func (s *Store) deleteEndedOf(ctx context.Context, owned apikey.Key) {
	now := s.now()
	ended := s.keys.that(func(key apikey.Key) bool { return key.EndedBefore(now) && key.SameHolder(owned) })
	slices.SortStableFunc(ended, func(a, b apikey.Key) int { return b.End().Compare(a.End()) }) // Those that ended last first.
	s.deleteEnded(ctx, ended[min(len(ended), cmp.Or(s.keyLimits.PerOwner, apikey.DefaultMaxPerOwner)):])
}

func (s *Store) deleteEnded(ctx context.Context, keys []apikey.Key) {
	for _, key := range keys {
		if err := s.RevokeKey(ctx, key); err != nil {
			s.uses.log.WarnContext(ctx, "cannot delete an API key that has ended", "key", key.ID, "error", err)
			return // The next pass tries again.
		}
		s.uses.log.InfoContext(ctx, "deleted an API key that has ended", "key", key.ID, "owner", key.Owner, "organizations", key.Organizations, "ended", key.End())
	}
}
