package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
)

// WatchCommand is the argument with which this program has to call Watch.
const WatchCommand = "watch"

// withWatcher writes the state down and runs f beside a process that tidies up should this one be killed.
// If it is not, it tidies up itself.
func withWatcher(s state, dir string, f func() error) error {
	if err := s.write(dir); err != nil {
		return errors.Join(err, tidy(dir))
	}
	stop, err := startWatcher(dir)
	if err != nil {
		return errors.Join(err, tidy(dir))
	}
	err = f()
	// A watcher that was killed is no loss now, so how it ended does not matter.
	_ = stop()
	return errors.Join(err, cgroup.Remove(s.Groups), tidy(dir))
}

// startWatcher starts the watcher in a session of its own, out of reach of a terminal's signals. It lives
// until the pipe that only this process holds the other end of is closed, by stop or by this one's end.
func startWatcher(dir string) (stop func() error, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	watcher := exec.Command("/proc/self/exe", WatchCommand, dir)
	watcher.Args[0], watcher.Stdin = os.Args[0], read
	watcher.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := watcher.Start(); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return func() error { return errors.Join(write.Close(), watcher.Wait()) }, nil
}

// Watch waits until whoever holds the other end of stdin is gone, and tidies up after the cluster of dir.
func Watch(dir string, stdin io.Reader) error {
	// Now, since the folder may be removed while the cluster runs.
	s, err := readState(dir)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stdin); err != nil {
		return fmt.Errorf("wait for the cluster's end: %w", err)
	}
	return errors.Join(cgroup.Remove(s.Groups), tidy(dir))
}
