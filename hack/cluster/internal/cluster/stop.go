package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
)

// stopTimeout is how long Stop waits for a cluster that was asked to end before it kills it.
const stopTimeout = 15 * time.Second

// Stop ends the cluster of a folder, if one runs, and removes all that it wrote there. A folder that is
// not there, or holds no cluster, is no error.
func Stop(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	s, err := readState(dir)
	if err != nil {
		return err
	}
	if s.Process.Alive() {
		if err := end(s); err != nil {
			return fmt.Errorf("end process %d: %w", s.Process.PID, err)
		}
	}
	if err := tidy(dir); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := cgroup.Sweep(); err != nil {
			return err
		}
	}
	return removeData(dir)
}

// end asks the process to end and kills it if it does not.
func end(s state) error {
	p, err := os.FindProcess(s.Process.PID)
	if err != nil {
		return err
	}
	defer p.Release()
	// The process is held by a descriptor now, so if it is ours it stays so.
	if !s.Process.Alive() {
		return nil
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := p.Signal(sig); errors.Is(err, os.ErrProcessDone) {
			return nil
		} else if err != nil {
			return err
		}
		for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !s.Process.Alive() {
				return nil
			}
		}
	}
	return errors.New("it does not end")
}

// removeData removes what a cluster wrote into its folder, and the folder if that leaves it empty.
func removeData(dir string) error {
	for _, name := range []string{
		caFile, acmeRootFile, auditLogFile, auditPolicyFile, logsDir, pkiDir, etcdDir, nodeDir, registryDir, addonDir, mailDir, gitDir, lockFile,
	} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	err := os.Remove(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return err
}
