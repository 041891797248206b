package exposure

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNextRoom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ago := func(all ...time.Duration) []metav1.Time {
		var times []metav1.Time
		for _, d := range all {
			times = append(times, metav1.NewTime(now.Add(-d)))
		}
		return times
	}
	cases := map[string]struct {
		requested []metav1.Time
		most      int
		want      time.Duration
	}{
		"None":        {nil, 1, 0},
		"Room":        {ago(time.Minute), 2, 0},
		"Old":         {ago(time.Hour, 2*time.Hour), 1, 0},
		"Full":        {ago(10 * time.Minute), 1, 50 * time.Minute},
		"OldestFirst": {ago(time.Minute, 40*time.Minute), 2, 20 * time.Minute},
		"Exceeded":    {ago(time.Minute, 2*time.Minute, 40*time.Minute), 2, 58 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := nextRoom(tc.requested, tc.most, time.Hour, now)
			if tc.want == 0 != got.IsZero() || tc.want != 0 && !got.Equal(now.Add(tc.want)) {
				t.Errorf("nextRoom: got %s, want it to be in %s", got, tc.want)
			}
		})
	}
}
