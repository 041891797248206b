package main

import (
	"context"
	"runtime/debug"
	"testing"
	"time"
)

// More garbage is allowed once the caches are full, and not before. How much is the whole program's affair: nothing runs beside it.
func TestAllowGarbage(t *testing.T) {
	for name, tc := range map[string]struct {
		reads bool
		want  int
	}{
		"Filling": {reads: true, want: garbageFilling},
		"Full":    {want: garbageWorking},
	} {
		t.Run(name, func(t *testing.T) {
			before := debug.SetGCPercent(garbageFilling)
			caches := newCaches(t, tc.reads, true)
			patience := time.Minute
			if tc.reads {
				patience = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := allowGarbage(caches)(ctx); err != nil {
				t.Fatal(err)
			}
			if got := debug.SetGCPercent(before); got != tc.want {
				t.Errorf("%d percent of garbage are allowed, want %d", got, tc.want)
			}
		})
	}
}
