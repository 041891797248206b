package limit

import (
	"testing"
	"time"
)

func TestVolume(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := &Volume{now: func() time.Time { return now }}
	for i, step := range []struct {
		after        time.Duration
		who          string
		amount, most int64
		wait         time.Duration
	}{
		{0, "acme", 40, 60, 0},
		{0, "acme", 20, 60, 0},
		{0, "acme", 1, 60, time.Second},
		{0, "rival", 60, 60, 0},
		{time.Second, "acme", 1, 60, 0},
		{0, "acme", 10, 60, 10 * time.Second},
		{0, "acme", 10, 600, time.Second},   // The limit has been raised.
		{time.Hour, "acme", 1000, 600, 0},   // More than ever fits is let through when all of it is there.
		{0, "acme", 1000, 600, time.Minute}, // And then not again for that time.
	} {
		now = now.Add(step.after)
		if got := v.Take(step.who, step.amount, step.most, time.Minute); got.Round(time.Millisecond) != step.wait {
			t.Errorf("step %d: Take(%s, %d of %d) = %s, want %s", i, step.who, step.amount, step.most, got, step.wait)
		}
	}
}
