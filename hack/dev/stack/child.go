package stack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout is how long a child may take to end when it is told to.
const stopTimeout = 20 * time.Second

// errEnded is what stop says of a child that was not there any more.
var errEnded = errors.New("had ended by itself")

// child is a process that runs until it is stopped.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // Closed when the process has ended, err set before.
	err    error
}

// startChild starts a command, all of whose output goes to out.
func startChild(cmd *exec.Cmd, out io.Writer) (*child, error) {
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, exited: make(chan struct{})}
	go func() { c.err = cmd.Wait(); close(c.exited) }()
	return c, nil
}

// stop tells the process to end and waits until it has; one that does not within stopTimeout is killed.
func (c *child) stop() error {
	name := filepath.Base(c.cmd.Path)
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		<-c.exited
		return fmt.Errorf("%s %w: %s", name, errEnded, c.cmd.ProcessState)
	}
	if err != nil {
		return err
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not stop within %s and was killed", name, stopTimeout), c.cmd.Process.Kill())
	}
}
