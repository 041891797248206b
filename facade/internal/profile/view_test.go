package profile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/internal/apikey"
)

// TestUsedWithin says that a key isn't said to have been used before it was made, or later than now.
func TestUsedWithin(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 1, 1, hour, minute, 0, 0, time.UTC) }
	cases := map[string]struct {
		made, used, now time.Time
		want            [2]time.Time
	}{
		"LongAgo":       {made: at(1, 0), used: at(5, 0), now: at(9, 0), want: [2]time.Time{at(5, 0), at(6, 0)}},
		"MadeThen":      {made: at(5, 34), used: at(5, 0), now: at(9, 0), want: [2]time.Time{at(5, 34), at(6, 0)}},
		"Now":           {made: at(1, 0), used: at(5, 0), now: at(5, 40), want: [2]time.Time{at(5, 0), at(5, 40)}},
		"MadeNow":       {made: at(5, 34), used: at(5, 0), now: at(5, 34), want: [2]time.Time{at(5, 34), at(6, 0)}},
		"ClocksDiffer":  {made: at(1, 0), used: at(5, 0), now: at(4, 59), want: [2]time.Time{at(5, 0), at(6, 0)}},
		"MadeAfterward": {made: at(7, 0), used: at(5, 0), now: at(9, 0), want: [2]time.Time{at(5, 0), at(6, 0)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			from, until := usedWithin(apikey.Key{Created: metav1.NewTime(tc.made), LastUsed: tc.used}, tc.now)
			if diff := cmp.Diff(tc.want, [2]time.Time{from, until}); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}
