package limit

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := New(0.5, 3)
	l.now = func() time.Time { return now }
	take := func(who string, want time.Duration) {
		t.Helper()
		if got := l.Take(who); got != want {
			t.Errorf("Take(%s): got %s, want %s", who, got, want)
		}
	}
	for range 3 {
		take("ann", 0)
	}
	for range 5 { // Trying doesn't make it longer.
		take("ann", 2*time.Second)
	}
	take("bob", 0)
	now = now.Add(time.Second)
	take("ann", time.Second)
	now = now.Add(time.Second)
	take("ann", 0)
	take("ann", 2*time.Second)
}

func TestNoLimit(t *testing.T) {
	for _, l := range []*Limiter{nil, New(0, 10)} {
		for range 1000 {
			if got := l.Take("ann"); got != 0 {
				t.Fatalf("Take(...) without a limit: got %s", got)
			}
		}
	}
}

// TestBounded says that no number of callers fills the memory.
func TestBounded(t *testing.T) {
	l := New(1, 0)
	for i := range 2 * remembered {
		if got := l.Take(fmt.Sprint(i)); got != 0 {
			t.Fatalf("Take(...) of somebody new: got %s", got)
		}
	}
	if got := l.buckets.Len(); got != remembered {
		t.Errorf("%d callers are remembered, want %d", got, remembered)
	}
	if got := l.Take(fmt.Sprint(2*remembered - 1)); got == 0 {
		t.Error("who came last is forgotten")
	}
}

// TestTakeAtOnce says that who comes many times at once is let through as often as anybody, and is never told to wait for longer than until the next time.
func TestTakeAtOnce(t *testing.T) {
	t.Parallel()
	const perSecond, burst, tries = 20, 5, 20_000
	l := New(perSecond, burst)
	var mu sync.Mutex
	var taken int
	var longest time.Duration
	start := time.Now()
	var work sync.WaitGroup
	for range 64 {
		work.Go(func() {
			for range tries {
				wait := l.Take("ann")
				mu.Lock()
				if longest = max(longest, wait); wait == 0 {
					taken++
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if most := burst + 1 + int(time.Since(start).Seconds()*perSecond); taken > most {
		t.Errorf("%d were let through, want %d at most", taken, most)
	}
	if most := time.Second/perSecond + time.Millisecond; longest > most {
		t.Errorf("somebody was told to wait for %s, want %s at most", longest, most)
	}
}
