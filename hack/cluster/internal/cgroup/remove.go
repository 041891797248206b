package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/process"
)

// A group's name is prefix, process namespace, process id and start time, so that whoever finds it can
// tell whether its maker still lives.
const prefix = "cluster-"

// Killed processes leave their groups a little later, in milliseconds on an idle machine.
const (
	removeTimeout  = 10 * time.Second
	removeInterval = 20 * time.Millisecond
)

// Remove removes groups with all below them, once their processes have ended. It waits 10 s for that.
func Remove(dirs []string) error {
	deadline := time.Now().Add(removeTimeout)
	for {
		var errs []error
		for _, dir := range dirs {
			errs = append(errs, removeTree(dir))
		}
		err := errors.Join(errs...)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(removeInterval)
	}
}

// removeTree removes a group's folders from the bottom up. Their files go with them.
func removeTree(dir string) error {
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(all) {
		if err := unix.Rmdir(d); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("remove control group %s: %w", d, err)
		}
	}
	return nil
}

// Sweep removes what clusters that were killed together with all their watchers have left beside the place
// where New would make a group.
func Sweep() error {
	trees, err := hierarchies()
	if err != nil {
		return err
	}
	namespace, err := process.Namespace()
	if err != nil {
		return err
	}
	var stale []string
	for _, t := range trees {
		parent := t.current
		if t.options == "" {
			parent = root
		}
		found, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
		if err != nil {
			return err
		}
		for _, dir := range found {
			if maker, ok := makerOf(filepath.Base(dir), namespace); ok && !maker.Alive() {
				stale = append(stale, dir)
			}
		}
	}
	return Remove(stale)
}

func nameOfCaller() (string, error) {
	namespace, err := process.Namespace()
	if err != nil {
		return "", err
	}
	self, err := process.Of(os.Getpid())
	return fmt.Sprintf("%s%s-%d-%d", prefix, namespace, self.PID, self.Start), err
}

// makerOf reads a group's name. It is not ok for a name that this package did not make, or made in another
// process namespace, where its process ids say nothing here.
func makerOf(name, namespace string) (maker process.Identity, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix+namespace+"-")
	if !ok {
		return maker, false
	}
	pid, start, _ := strings.Cut(rest, "-")
	var errPID, errStart error
	maker.PID, errPID = strconv.Atoi(pid)
	maker.Start, errStart = strconv.ParseUint(start, 10, 64)
	return maker, errPID == nil && errStart == nil
}
