// Package sandbox runs a program in namespaces of its own, all of which end when the process that started
// it ends, however it ends: the kernel kills what is in a process namespace with its first process, and
// that one with its parent.
//
//	the caller   starts the sandbox, from the thread that it must not lose
//	init         first process inside: passes signals on, and reaps orphans
//	the program  second process inside
package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
)

// InitCommand is the argument with which this program has to call Init.
const InitCommand = "sandbox-init"

// procFD is where the program inside finds the outer /proc; the files handed to Start follow.
const procFD = 3

const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP

// Start runs this program again with args, inside the control group and new namespaces. The sandbox gets
// the files, which it finds with File, and is killed when the calling goroutine's thread ends; so call it
// from a goroutine that stays, once for the whole process.
func Start(group *cgroup.Group, files []*os.File, args ...string) (*exec.Cmd, error) {
	runtime.LockOSThread()
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	cmd := exec.Command("/proc/self/exe", append([]string{InitCommand}, args...)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = append([]*os.File{proc}, files...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // a terminal's ^C is for the caller alone
	}
	if err := group.During(cmd.Start); err != nil {
		return nil, fmt.Errorf("start in new namespaces: %w", err)
	}
	return cmd, nil
}

// File returns the i-th of the files that were handed to Start, in the program inside.
func File(i int) *os.File { return os.NewFile(uintptr(procFD+1+i), fmt.Sprintf("inherited %d", i)) }
