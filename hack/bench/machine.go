package main

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/berth-dev/berth/hack/bench/internal/report"
)

// machine says what this runs on.
func machine() report.Machine {
	return report.Machine{
		CPUs: runtime.NumCPU(), Model: field("/proc/cpuinfo", "model name"), Kernel: kernel(), Go: runtime.Version(),
		Time: time.Now().UTC().Format(time.DateOnly),
	}
}

// kernel is the version of the kernel; empty if it can't be told.
func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// field is the value of the first "name: value" in a file; empty without one.
func field(file, name string) string {
	text, err := os.ReadFile(file) //nolint:gosec // A file of the kernel's.
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
