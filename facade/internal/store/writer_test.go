package store

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// TestAwaitSeenWithoutClient says that what was written is waited for though its client has gone, and not forever.
func TestAwaitSeenWithoutClient(t *testing.T) {
	for name, written := range map[string]bool{"Seen": true, "Late": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Store{changes: changes{happened: make(chan struct{})}}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				done := make(chan struct{})
				app := named("cowork", "shop")
				go func() {
					defer close(done)
					s.awaitSeen(ctx, &writer{}, translate.Observed{App: app})
				}()
				synctest.Wait()
				select {
				case <-done:
					t.Fatal("awaitSeen(...) didn't wait")
				default:
				}
				if written {
					indexing(&s.listing, &s.apps, &s.changes).OnAdd(app, false)
				}
				<-done
			})
		})
	}
}

// TestAwaitGoneWithoutClient says that the end of an App and its Domains is waited for though its client has gone.
func TestAwaitGoneWithoutClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{changes: changes{happened: make(chan struct{})}}
		app := named("cowork", "shop")
		apps := indexing(&s.listing, &s.apps, &s.changes)
		apps.OnAdd(app, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.awaitGone(ctx, app, nil)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("awaitGone(...) didn't wait")
		default:
		}
		apps.OnDelete(app)
		<-done
	})
}

// TestAwaitGoneOfAnother says that a Domain which somebody has made under the name of a deleted one is none that is waited for.
func TestAwaitGoneOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{changes: changes{happened: make(chan struct{})}}
		gone, another := serving("shop", "a.test", "shop"), serving("shop", "b.test", "shop")
		gone.UID, another.UID = "1", "2"
		s.domains.set(another)
		start := time.Now()
		s.awaitGone(t.Context(), named("cowork", "shop"), []*v1alpha1.Domain{gone})
		if took := time.Since(start); took > 0 {
			t.Errorf("awaitGone(...) took %s", took)
		}
	})
}
