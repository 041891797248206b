package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// OuterProc is the /proc of the process namespace around the sandbox.
type OuterProc struct{ root *os.Root }

// OpenOuterProc opens it in the program inside.
func OpenOuterProc() (*OuterProc, error) {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", procFD))
	return &OuterProc{root: root}, err
}

// PID returns the process id outside of a process inside, given an open process file descriptor. The
// kernel tells it to whoever reads the descriptor's details through the outer /proc.
func (o *OuterProc) PID(pidfd int) (int, error) {
	text, err := o.root.ReadFile(fmt.Sprintf("self/fdinfo/%d", pidfd))
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "Pid:"); ok {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, fmt.Errorf("file descriptor %d is no process", pidfd)
}
