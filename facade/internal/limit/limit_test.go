package limit

import (
	"fmt"
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
