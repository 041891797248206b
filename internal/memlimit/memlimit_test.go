package memlimit

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

// TestSet says which limit the runtime has with which environment.
func TestSet(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	const unset = "-"
	for name, tc := range map[string]struct {
		limit, goLimit string
		want           int64
		fails          bool
	}{
		"Container": {limit: "536870912", goLimit: unset, want: 467077693},
		"None":      {limit: unset, goLimit: unset, want: before},
		"Empty":     {goLimit: unset, want: before},
		"Explicit":  {limit: "536870912", goLimit: "100MiB", want: before},
		"Off":       {limit: "536870912", goLimit: "off", want: before},
		"Large":     {limit: "9223372036854775807", goLimit: unset, want: math.MaxInt64 / 100 * 87},
		"Quantity":  {limit: "512Mi", goLimit: unset, want: before, fails: true},
		"Zero":      {limit: "0", goLimit: unset, want: before, fails: true},
		"Negative":  {limit: "-1", goLimit: unset, want: before, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			for variable, value := range map[string]string{Variable: tc.limit, "GOMEMLIMIT": tc.goLimit} {
				t.Setenv(variable, value)
				if value == unset {
					if err := os.Unsetenv(variable); err != nil { // The test's end restores it.
						t.Fatal(err)
					}
				}
			}
			if err := Set(); (err != nil) != tc.fails {
				t.Errorf("Set(): %v", err)
			}
			if got := debug.SetMemoryLimit(-1); got != tc.want {
				t.Errorf("the limit is %d, want %d", got, tc.want)
			}
		})
	}
}
