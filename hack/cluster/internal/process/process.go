// Package process tells processes apart across time and process namespaces.
package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Identity names one process of this boot for good: process ids are used again, start times with them are
// not.
type Identity struct {
	PID int `json:"pid"`
	// Start is the time of start in the kernel's clock ticks since boot.
	Start uint64 `json:"start"`
}

// Of returns the identity of a running process.
func Of(pid int) (Identity, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Identity{}, err
	}
	// The second field, the name, may hold anything, so fields are counted from its closing bracket.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const startField = 22 - 3 // proc_pid_stat(5) counts from one, and these fields begin with the third
	if len(fields) <= startField {
		return Identity{}, fmt.Errorf("/proc/%d/stat: too short", pid)
	}
	start, err := strconv.ParseUint(fields[startField], 10, 64)
	return Identity{PID: pid, Start: start}, err
}

// Alive reports whether the process still runs.
func (i Identity) Alive() bool {
	now, err := Of(i.PID)
	return err == nil && now == i
}

// Namespace identifies the process namespace of the caller, in which its process ids hold.
func Namespace() (string, error) {
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", err
	}
	return strings.Trim(strings.TrimPrefix(link, "pid:"), "[]"), nil
}
