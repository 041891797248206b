package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
	"github.com/berth-dev/berth/hack/cluster/internal/process"
)

// state is what a later command has to know of a cluster that runs or ran.
type state struct {
	// Process is the one to signal.
	Process process.Identity `json:"process"`
	// Groups are its control groups.
	Groups []string `json:"groups,omitempty"`
}

func (s state) write(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stateFile), text, 0o644)
}

// readState returns the state of the folder's cluster, and no state if there is none.
func readState(dir string) (s state, err error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	return s, json.Unmarshal(text, &s)
}

// lock makes sure that one cluster at a time uses a folder. The kernel lets go of it when the process ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("a cluster runs in %s already", dir)
	}
	return f, nil
}

// tidy removes what a cluster that has ended leaves on the machine, and what in its folder is only true
// of a running one. Its data and its logs stay.
func tidy(dir string) error {
	s, err := readState(dir)
	if err != nil {
		return err
	}
	if err := cgroup.Remove(s.Groups); err != nil {
		return err
	}
	for _, name := range []string{envFile, kubeconfigFile, pidsDir, stateFile} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
