package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Tests are those of a package, a *testing.M.
type Tests interface {
	Run() (code int)
}

// Test brings up a stack by the command that BERTH_CLUSTER names, in a folder of its own, lets use look at it, runs the tests, ends the stack and
// returns the code to exit with. If a test fails, the folder stays, for its logs; else nothing is left.
func Test(tests Tests, opts Options, use func(*Stack) error) (code int) {
	code, err := test(tests, opts, use)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

func test(tests Tests, opts Options, use func(*Stack) error) (code int, err error) {
	if opts.Cluster = os.Getenv("BERTH_CLUSTER"); opts.Cluster == "" {
		return 0, errors.New("BERTH_CLUSTER has to name the built command of hack/cluster; `make test-e2e` sets it")
	}
	if opts.Dir, err = os.MkdirTemp("", "berth-e2e-"); err != nil {
		return 0, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(opts.Dir)
		} else {
			fmt.Fprintln(os.Stderr, "e2e: the logs are in", opts.Dir)
		}
	}()
	opts.Log = os.Stderr
	s, err := Start(context.Background(), opts)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stopErr := s.Stop(); err == nil {
			err = stopErr
		}
	}()
	if err := use(s); err != nil {
		return 0, err
	}
	return tests.Run(), nil
}
