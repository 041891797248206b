// Package process runs Berth's programs and says what they use.
package process

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end when it is told to.
const stopTimeout = 30 * time.Second

// Process is a running program.
type Process struct {
	// Began is when it was started.
	Began time.Time

	cmd    *exec.Cmd
	exited chan struct{} // Closed when the process has ended, err set before.
	err    error
}

// Start starts a program, with variables in its environment beside this process's own. What it says is appended to a file.
func Start(log, program string, environment []string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // The caller's choice.
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // The caller's choice, and Stop ends it.
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append(os.Environ(), environment...)
	p := &Process{Began: time.Now(), cmd: cmd, exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.err = cmd.Wait(); close(p.exited) }()
	return p, nil
}

// Stop tells the process to end and waits until it has. It is an error if it had ended by itself, or doesn't end with success.
func (p *Process) Stop() error {
	name := filepath.Base(p.cmd.Path)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.exited
		return fmt.Errorf("%s had ended by itself: %w", name, p.err)
	} else if err != nil {
		return err
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not end within %s and was killed", name, stopTimeout), p.cmd.Process.Kill())
	}
}

// Usage is what a process uses.
type Usage struct {
	// RSS is its memory now, and Peak the most that it was, in bytes.
	RSS, Peak int64
	// CPU is the time that it has had of processors.
	CPU time.Duration
}

// Usage reads what the process uses.
func (p *Process) Usage() (Usage, error) { return usageOf(p.cmd.Process.Pid) }

func usageOf(pid int) (Usage, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, err
	}
	defer file.Close()
	var u Usage
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "VmRSS":
			u.RSS, err = bytesOf(value)
		case "VmHWM":
			u.Peak, err = bytesOf(value)
		}
		if err != nil {
			return Usage{}, fmt.Errorf("read %s of process %d: %w", name, pid, err)
		}
	}
	u.CPU, err = cpuOf(pid)
	return u, err
}

// bytesOf reads a size as /proc has it: "  1234 kB".
func bytesOf(value string) (int64, error) {
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
	return kilobytes << 10, err
}

// tick is the unit of times in /proc, which is the same on all of Linux.
const tick = time.Second / 100

// cpuOf is how long a process had processors, in its own code and in the kernel.
func cpuOf(pid int) (time.Duration, error) {
	_, fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// stat returns the name of a process and what /proc/PID/stat has after it, the state first.
func stat(pid int) (name string, fields []string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil, err
	}
	// The name is in parentheses and may hold any character.
	before, after, found := strings.Cut(string(text), "(")
	end := strings.LastIndex(after, ")")
	fields = strings.Fields(after[max(end+1, 0):])
	if !found || end < 0 || len(fields) < 13 {
		return "", nil, fmt.Errorf("/proc/%d/stat is not as expected: %q", pid, before)
	}
	return after[:end], fields, nil
}

// Children are the CPU times of this process, as "bench", and of its children that run, by their names.
func Children() (map[string]time.Duration, error) {
	self := os.Getpid()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	times := map[string]time.Duration{}
	if times["bench"], err = cpuOf(self); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		name, fields, err := stat(pid)
		if err != nil || fields[1] != strconv.Itoa(self) { // It may have ended meanwhile.
			continue
		}
		cpu, err := cpuOf(pid)
		if err == nil {
			times[name] = cpu
		}
	}
	return times, nil
}
