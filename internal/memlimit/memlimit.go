// Package memlimit keeps the Go heap below the memory limit of its container.
package memlimit

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
)

const (
	// Variable is the environment variable with the memory limit of the container, in bytes, as a resourceFieldRef sets it.
	Variable = "MEMORY_LIMIT"
	// percent is how much of the limit the Go runtime may use before it collects garbage harder. The rest is for what it does not count, such as the
	// buffers of the kernel for the container's connections: at 100 percent, the kernel would kill the container first.
	percent = 87
)

// Set has the Go runtime collect garbage harder near the memory limit of the container. Without Variable, or with GOMEMLIMIT, nothing is set. The error
// is that Variable is not a number of bytes.
func Set() error {
	text := os.Getenv(Variable)
	if _, given := os.LookupEnv("GOMEMLIMIT"); given || text == "" {
		return nil
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit <= 0 {
		return fmt.Errorf("%s must be a number of bytes above 0, not %q", Variable, text)
	}
	debug.SetMemoryLimit(share(limit))
	return nil
}

// share returns the part of a limit that is for the Go runtime.
func share(limit int64) int64 {
	if limit > math.MaxInt64/100 {
		return limit / 100 * percent
	}
	return limit * percent / 100
}
