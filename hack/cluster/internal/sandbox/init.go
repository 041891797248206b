package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is the first process of the sandbox. It runs this program with args, and returns that one's exit
// code when it has ended.
func Init(args []string) (code int, err error) {
	// Without this, mounts made inside would appear outside wherever the root is shared.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return 0, fmt.Errorf("mount /proc: %w", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	files, err := inherited()
	if err != nil {
		return 0, err
	}
	program, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0]}, args...), &os.ProcAttr{Env: os.Environ(), Files: files})
	if err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			_ = program.Signal(s) // it may have ended, which ends Init too
		}
	}()
	return reap(program.Pid)
}

// inherited are the standard files and those that Start passed on, at the same numbers.
func inherited() ([]*os.File, error) {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for fd := procFD; ; fd++ {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if errors.Is(err, unix.EBADF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		files = append(files, os.NewFile(uintptr(fd), fmt.Sprintf("inherited %d", fd)))
	}
}

// reap waits for every child, the orphans that fall to a first process included, until the program ends.
func reap(program int) (code int, err error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case pid == program && status.Signaled():
			return 0, fmt.Errorf("killed: %s", status.Signal())
		case pid == program:
			return status.ExitStatus(), nil
		}
	}
}
