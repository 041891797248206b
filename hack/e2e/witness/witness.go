// Package witness is what end-to-end tests see of a change: that something comes to hold, and that nobody has noticed the way there.
package witness

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Eventually calls a condition until it holds, once at least, and fails the test with its last word when that takes longer than the timeout.
func Eventually(t *testing.T, timeout time.Duration, what string, condition func() (ok bool, saw string)) {
	t.Helper()
	for end := time.Now().Add(timeout); ; time.Sleep(50 * time.Millisecond) {
		ok, saw := condition()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s; last seen: %s", timeout, what, saw)
		}
	}
}

// enough is how many visits tell whether anybody would have noticed.
const enough = 50

// Visitor does the same thing again and again, to see whether anybody would have noticed a change.
type Visitor struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	// told is closed when there have been enough visits.
	told chan struct{}
	// What the visits saw, to be read when done.
	visits   int
	failures []error
}

// Visit begins the visits of a visitor, with a pause after each. They end with the test, if not before.
func Visit(t *testing.T, pause time.Duration, visit func(context.Context) error) *Visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v := &Visitor{cancel: cancel, told: make(chan struct{})}
	t.Cleanup(cancel)
	v.done.Go(func() {
		for ctx.Err() == nil {
			err := visit(ctx)
			v.visits++
			if v.visits == enough {
				close(v.told)
			}
			if err != nil && ctx.Err() == nil {
				v.failures = append(v.failures, err)
			}
			time.Sleep(pause)
		}
	})
	return v
}

// MustNotHaveNoticed ends the visits, once they are enough to tell, and fails the test if one of them failed.
func (v *Visitor) MustNotHaveNoticed(t *testing.T) {
	t.Helper()
	select {
	case <-v.told:
	case <-time.After(time.Minute):
		t.Errorf("not %d visits within a minute: too few to tell", enough)
	}
	v.cancel()
	v.done.Wait()
	t.Logf("%d visits, %d failures", v.visits, len(v.failures))
	if len(v.failures) > 0 {
		t.Errorf("%d of %d visits failed, the first with: %v", len(v.failures), v.visits, v.failures[0])
	}
}
