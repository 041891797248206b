package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/berth-dev/berth/hack/dev/stack"
)

// up starts `dev serve` in the background, shows what it says until everything is there, and leaves it running.
func up(ctx context.Context, opts stack.Options, args []string) error {
	if pid, ok := running(opts.Dir); ok {
		return fmt.Errorf("it runs already, as process %d; `make stop` ends it", pid)
	}
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return err
	}
	// One that was killed had no time to remove it.
	if err := os.Remove(filepath.Join(opts.Dir, welcomeFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	logPath := filepath.Join(opts.Dir, "dev.log")
	log, err := os.Create(logPath) //nolint:gosec // The folder is the caller's choice.
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"serve"}, args...)...) //nolint:gosec,noctx // It outlives this process on purpose.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // How it ended, its log says.
		close(exited)
	}()
	err = follow(ctx, logPath, filepath.Join(opts.Dir, welcomeFile), exited)
	if err == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // It may have ended by itself.
	<-exited                                // All that it started has its time to end.
	return err
}

// follow copies the log to standard error until the welcome is there, which it then prints.
func follow(ctx context.Context, logPath, welcomePath string, exited <-chan struct{}) error {
	log, err := os.Open(logPath) //nolint:gosec // Just created.
	if err != nil {
		return err
	}
	defer log.Close()
	for {
		ended := false
		select {
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-exited:
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
		if _, err := io.Copy(os.Stderr, log); err != nil {
			return err
		}
		if ended {
			return fmt.Errorf("it ended before it was up; its log is %s", logPath)
		}
		if welcome, err := os.ReadFile(welcomePath); err == nil { //nolint:gosec // Ours.
			fmt.Print(string(welcome)) //nolint:forbidigo // This is what the command is for.
			return nil
		}
	}
}

const (
	pidFile     = "dev.pid"
	welcomeFile = "welcome"
)

// serve brings the stack up, deploys the sample and waits to be ended.
func serve(ctx context.Context, opts stack.Options) error {
	if err := os.WriteFile(filepath.Join(opts.Dir, pidFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	s, err := stack.Start(ctx, opts)
	if err != nil {
		return err
	}
	err = deploySample(ctx, s)
	if err == nil {
		err = os.WriteFile(filepath.Join(opts.Dir, welcomeFile), []byte(welcome(s)), 0o600)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case <-s.Done():
			err = errors.New("the cluster ended by itself")
		}
	}
	return errors.Join(err, s.Stop())
}

// down ends `dev serve`, waits until it and its cluster are gone and removes the folder.
func down(ctx context.Context, opts stack.Options) error {
	pid, ok := running(opts.Dir)
	if ok {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			return err
		}
	}
	for end := time.Now().Add(30 * time.Second); ok && ctx.Err() == nil; _, ok = running(opts.Dir) {
		if time.Now().After(end) {
			return fmt.Errorf("process %d does not end", pid)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := stack.RemoveCluster(ctx, opts); err != nil {
		return err
	}
	return os.RemoveAll(opts.Dir)
}

// running finds the `dev serve` that keeps its files in dir. A number that some other process has by now does not count.
func running(dir string) (pid int, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, pidFile)) //nolint:gosec // The folder is the caller's choice.
	if err != nil {
		return 0, false
	}
	if pid, err = strconv.Atoi(string(b)); err != nil {
		return 0, false
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return pid, err == nil && strings.Contains(string(cmdline), "\x00serve\x00")
}
