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

// TestVolumeCharge says that what was had without asking delays what comes, however much it was.
func TestVolumeCharge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	v := &Volume{now: func() time.Time { return now }}
	for i, step := range []struct {
		after  time.Duration
		who    string
		amount int64
		wait   time.Duration
	}{
		{0, "acme", 60, 0},
		{0, "acme", 30, 30 * time.Second},
		{0, "rival", 60, 0},
		{10 * time.Second, "acme", 0, 20 * time.Second},
		{20 * time.Second, "acme", 0, 0},
		{0, "acme", 601, 601 * time.Second},
		{601 * time.Second, "acme", 0, 0},
		{time.Hour, "acme", 60, 0}, // Nobody saves up more than most.
		{0, "acme", 1, time.Second},
	} {
		now = now.Add(step.after)
		v.Charge(step.who, step.amount, 60, time.Minute)
		if got := v.Wait(step.who, 60, time.Minute); got.Round(time.Millisecond) != step.wait {
			t.Errorf("step %d: after %d of %s, Wait = %s, want %s", i, step.amount, step.who, got, step.wait)
		}
	}
}
