package facade

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestArrivalsCease(t *testing.T) {
	const delay = 5 * time.Second
	cases := map[string]struct {
		reason string
		delay  time.Duration
		// until is how long connections come, two a second.
		until time.Duration
		want  time.Duration
	}{
		"NoDelay": {reason: "Whoever wants none waits for nobody.", until: time.Minute},
		"Never":   {delay: delay, want: delay},
		"Before":  {delay: delay, until: delay - 2*quietTime, want: delay},
		"After":   {reason: "The last one comes half a second before the eighth.", delay: delay, until: 8 * time.Second, want: 7500*time.Millisecond + quietTime},
		"ForEver": {reason: "Such as what asks whether the port is open.", delay: delay, until: time.Minute, want: delay + maxLate},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var came arrivals
				began := time.Now()
				var coming sync.WaitGroup
				coming.Go(func() {
					for time.Since(began) < tc.until && ctx.Err() == nil {
						came.note(nil, http.StateNew)
						came.note(nil, http.StateActive)
						time.Sleep(500 * time.Millisecond)
						came.note(nil, http.StateIdle) // A connection that was there before is no new one.
					}
				})
				came.cease(t.Context(), tc.delay)
				if got := time.Since(began); got != tc.want {
					t.Errorf("cease(%v): waited for %v, want %v: %s", tc.delay, got, tc.want, tc.reason)
				}
				cancel()
				coming.Wait()
			})
		})
	}
}
