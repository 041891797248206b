package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRestarts(t *testing.T) {
	start := time.Unix(1000, 0)
	cases := map[string]struct {
		reason string
		ends   []time.Duration
		want   []time.Duration
		again  bool
	}{
		"Slower": {
			ends:  []time.Duration{0, time.Second, 2 * time.Second},
			want:  []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond},
			again: true,
		},
		"GivenUp": {
			ends: []time.Duration{0, 1, 2, 3, 4, 5},
			want: []time.Duration{100e6, 200e6, 400e6, 800e6, 1600e6, 0},
		},
		"Forgotten": {
			reason: "What ends now and then, such as a program that a test kills, goes on for ever.",
			ends:   []time.Duration{0, 2 * time.Minute, 4 * time.Minute},
			want:   []time.Duration{100e6, 100e6, 100e6},
			again:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var r restarts
			var got []time.Duration
			var again bool
			for _, d := range tc.ends {
				var pause time.Duration
				pause, again = r.next(start.Add(d))
				got = append(got, pause)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if again != tc.again {
				t.Errorf("%s\nagain: %t, want %t", tc.reason, again, tc.again)
			}
		})
	}
}

// notes collects what a supervisor tells.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func newSupervisor(t *testing.T, n *notes) (s *Supervisor, dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := New(Options{Logs: filepath.Join(dir, "logs"), PIDs: filepath.Join(dir, "pids"), Note: n.add})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func pidOf(t *testing.T, dir, name string, not int) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "pids", name))
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid != not {
			return pid
		}
	}
	t.Fatalf("no process id of %s", name)
	return 0
}

func TestKilledProgramIsStartedAgain(t *testing.T) {
	var n notes
	s, dir := newSupervisor(t, &n)
	if err := s.Start(Program{Name: "sleeper", Path: "/bin/sleep", Args: []string{"60"}}); err != nil {
		t.Fatal(err)
	}
	first := pidOf(t, dir, "sleeper", 0)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := pidOf(t, dir, "sleeper", first)
	s.Stop(5 * time.Second)
	if err := syscall.Kill(second, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d after Stop: %v, want that it is gone", second, err)
	}
	if len(n.lines) != 1 || !strings.Contains(n.lines[0], "sleeper") {
		t.Errorf("notes %q, want one that names the program", n.lines)
	}
}

func TestProgramThatKeepsEndingIsGivenUp(t *testing.T) {
	s, dir := newSupervisor(t, &notes{})
	broken := Program{Name: "broken", Path: "/bin/sh", Args: []string{"-c", "echo the flag $FLAG is unknown; exit 3"}, Env: []string{"FLAG=--x"}}
	if err := s.Start(broken); err != nil {
		t.Fatal(err)
	}
	var err error
	select {
	case err = <-s.Failed():
	case <-time.After(30 * time.Second):
		t.Fatal("not given up")
	}
	s.Stop(time.Second)
	var ended *EndedError
	if !errors.As(err, &ended) {
		t.Fatalf("error %v, want an EndedError", err)
	}
	if ended.Program != "broken" || ended.Log != filepath.Join(dir, "logs", "broken.log") {
		t.Errorf("error of %s with log %s", ended.Program, ended.Log)
	}
	if !strings.Contains(ended.Error(), "the flag --x is unknown\n") {
		t.Errorf("error %q, want the end of the log in it", ended)
	}
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	s, dir := newSupervisor(t, &notes{})
	if err := s.Start(Program{Name: "stubborn", Path: "/bin/sh", Args: []string{"-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"}}); err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, dir, "stubborn", 0)
	for tail(filepath.Join(dir, "logs", "stubborn.log")) == "" {
		time.Sleep(10 * time.Millisecond)
	}
	s.Stop(100 * time.Millisecond)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process after Stop: %v, want that it is gone", err)
	}
	if err := s.Start(Program{Name: "late", Path: "/bin/true"}); err == nil {
		t.Error("a program was started after Stop")
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	cases := map[string]struct{ text, want string }{
		"Short": {text: "one\ntwo\n", want: "one\ntwo\n"},
		"Long":  {text: strings.Repeat("x", tailSize) + "\nlast\n", want: "last\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tc.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tail(file)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
