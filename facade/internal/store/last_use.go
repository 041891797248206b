package store

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apikey"
)

const (
	// usesPerSecond is how often last uses are written, however many keys come into use at once.
	usesPerSecond = 5
	// useTimeout bounds one such write.
	useTimeout = 10 * time.Second
)

// uses are the ids of keys whose last use, or the last sign-in of whose owner, is to be written. A key is in it once, and is being written once, however
// often it is used.
type uses struct {
	queue workqueue.TypedInterface[string]
	limit *rate.Limiter
	log   *slog.Logger
}

func newUses(log *slog.Logger) uses {
	return uses{queue: workqueue.NewTyped[string](), limit: rate.NewLimiter(usesPerSecond, usesPerSecond), log: log}
}

// Used notes that a key has been used, if that was not noted in this hour. It waits for nothing: what is written is written later, or at the
// next use if that fails. All replicas see what one has written, and write the same if they do so at the same moment, which changes nothing.
func (s *Store) Used(key apikey.Key) {
	if s.useToNote(key) {
		s.uses.queue.Add(key.ID)
	}
}

func (s *Store) useToNote(key apikey.Key) bool {
	return s.now().Truncate(apikey.LastUsedPrecision).After(key.LastUsed)
}

// work writes what is to be noted of keys until ctx ends.
func (u *uses) work(ctx context.Context, note func(ctx context.Context, id string) error) {
	stop := context.AfterFunc(ctx, u.queue.ShutDown)
	defer stop()
	for {
		id, shutdown := u.queue.Get()
		if shutdown {
			return
		}
		if err := note(ctx, id); err != nil {
			u.log.DebugContext(ctx, "cannot annotate an API key", "key", id, "error", err)
		}
		u.queue.Done(id)
	}
}

// noteUse writes the last use of a key, and waits for the cache to have it, so that it isn't written twice.
func (s *Store) noteUse(ctx context.Context, id string) error {
	key, found := s.keys.get(id)
	if !found || !s.useToNote(key) {
		return nil
	}
	return s.annotate(ctx, &s.uses, key, key.UsedPatch(s.now()), s.useToNote)
}

// annotate patches the Secret of a key when its turn comes, and waits for the cache to have seen it: there is nothing to note any more.
func (s *Store) annotate(ctx context.Context, u *uses, key apikey.Key, patch []byte, toNote func(apikey.Key) bool) error {
	if err := u.limit.Wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	if err := s.own.Patch(ctx, s.secretOf(key), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return withoutValues(err)
	}
	s.awaitKey(ctx, key.ID, func(now apikey.Key, found bool) bool { return !found || !toNote(now) })
	return nil
}
