// Package supervise runs the programs of a cluster: each with a log of its own, restarted when it ends,
// until one ends so often that there is no point.
package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Program is something to keep running.
type Program struct {
	// Name names the program's log and process id file.
	Name string
	// Path is the file to run, Args its arguments without its own name.
	Path string
	Args []string
	// Env is added to the supervisor's own environment.
	Env []string
}

// Supervisor keeps programs running.
type Supervisor struct {
	logs, pids string
	note       func(format string, args ...any)
	outerPID   func(pidfd int) (int, error)
	spawn      chan<- func()
	failed     chan error

	mu       sync.Mutex
	running  map[string]*exec.Cmd
	stopping chan struct{}
	ended    sync.WaitGroup
}

// Options say where a supervisor keeps what it writes.
type Options struct {
	// Logs is the folder for NAME.log, PIDs the one for files that hold process ids.
	Logs, PIDs string
	// Note is told of what a person wants to know, such as a restart.
	Note func(format string, args ...any)
	// OuterPID, if set, translates a process into the process id that is written down.
	OuterPID func(pidfd int) (int, error)
}

// errStopping refuses a start after Stop.
var errStopping = errors.New("the supervisor is stopping")

// New returns a supervisor that runs nothing yet.
func New(o Options) (*Supervisor, error) {
	for _, dir := range []string{o.Logs, o.PIDs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	return &Supervisor{
		logs: o.Logs, pids: o.PIDs, note: o.Note, outerPID: o.OuterPID,
		spawn:    newSpawner(),
		failed:   make(chan error, 1),
		running:  map[string]*exec.Cmd{},
		stopping: make(chan struct{}),
	}, nil
}

// Failed delivers the error of the first program that was given up.
func (s *Supervisor) Failed() <-chan error { return s.failed }

// Start runs a program and keeps it running. The error is of the first start alone.
func (s *Supervisor) Start(p Program) error {
	cmd, err := s.run(p)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	s.ended.Go(func() { s.keep(p, cmd) })
	return nil
}

// Stop ends every program: it asks, waits for as long as grace, and then kills.
func (s *Supervisor) Stop(grace time.Duration) {
	s.mu.Lock()
	close(s.stopping)
	s.signal(syscall.SIGTERM)
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.ended.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(grace):
		s.mu.Lock()
		s.signal(syscall.SIGKILL)
		s.mu.Unlock()
		<-ended
	}
}

// signal sends to every program that runs. A program that has just ended is no error.
func (s *Supervisor) signal(sig os.Signal) {
	for _, cmd := range s.running {
		_ = cmd.Process.Signal(sig)
	}
}

// keep waits for the program's end and starts it again, until Stop or until it is hopeless.
func (s *Supervisor) keep(p Program, cmd *exec.Cmd) {
	var history restarts
	for {
		err := cmd.Wait()
		s.forget(p.Name)
		if s.isStopping() {
			return
		}
		pause, again := history.next(time.Now())
		if !again {
			s.fail(&EndedError{Program: p.Name, Err: err, Log: s.logFile(p.Name), Tail: tail(s.logFile(p.Name))})
			return
		}
		s.note("%s ended (%s); starting it again in %s", p.Name, cmd.ProcessState, pause)
		select {
		case <-time.After(pause):
		case <-s.stopping:
			return
		}
		if cmd, err = s.run(p); errors.Is(err, errStopping) {
			return
		}
		if err != nil {
			s.fail(fmt.Errorf("start %s again: %w", p.Name, err))
			return
		}
	}
}

// run starts the program once.
func (s *Supervisor) run(p Program) (*exec.Cmd, error) {
	log, err := os.OpenFile(s.logFile(p.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pidfd := -1
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // a terminal's ^C is for the supervisor alone
		Pdeathsig: syscall.SIGKILL,
		PidFD:     &pidfd,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isStopping() {
		return nil, errStopping
	}
	if err := s.startOnSpawner(cmd); err != nil {
		return nil, err
	}
	defer syscall.Close(pidfd)
	s.running[p.Name] = cmd
	return cmd, s.writePID(p.Name, cmd.Process.Pid, pidfd)
}

func (s *Supervisor) startOnSpawner(cmd *exec.Cmd) error {
	result := make(chan error)
	s.spawn <- func() { result <- cmd.Start() }
	return <-result
}

func (s *Supervisor) writePID(name string, pid, pidfd int) error {
	if s.outerPID != nil {
		var err error
		if pid, err = s.outerPID(pidfd); err != nil {
			return fmt.Errorf("process id outside the namespace: %w", err)
		}
	}
	return os.WriteFile(filepath.Join(s.pids, name), []byte(strconv.Itoa(pid)+"\n"), 0o644)
}

func (s *Supervisor) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, name)
	_ = os.Remove(filepath.Join(s.pids, name)) // the folder is removed as a whole in the end
}

func (s *Supervisor) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first failure ends the cluster, so one is enough
	}
}

func (s *Supervisor) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func (s *Supervisor) logFile(name string) string { return filepath.Join(s.logs, name+".log") }
