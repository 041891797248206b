// Command bench measures Berth on a control plane of its own, etcd and kube-apiserver alone, beside a plain client that does the same straight
// at the API server, and writes what came out as tables, JSON and plots.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options say what to measure.
type options struct {
	// root is the checkout, out the folder for the results, dir the one for all that is of no use later.
	root, out, dir string
	// sizes are the numbers of Apps, clients the numbers of clients.
	sizes, clients []int
	// duration is how long each call is made.
	duration time.Duration
	// profiles says to take profiles with the most Apps.
	profiles bool
}

func parse(args []string) (*options, error) {
	o := &options{sizes: []int{100, 1000, 5000}, clients: []int{1, 4, 16}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "../..", "the checkout")
	flags.StringVar(&o.out, "out", "../../docs/performance", "the `folder` that the results are written to")
	flags.StringVar(&o.dir, "dir", "", "the `folder` for logs, profiles and the control plane's files; empty: one that is removed at the end")
	flags.Func("sizes", "with how many Apps to measure, a list (default 100,1000,5000)", numbers(&o.sizes))
	flags.Func("clients", "with how many clients to make the calls, a list (default 1,4,16)", numbers(&o.clients))
	flags.DurationVar(&o.duration, "duration", 4*time.Second, "how long to make each call")
	flags.BoolVar(&o.profiles, "profiles", true, "take profiles of CPU time and memory with the most Apps")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if slices.ContainsFunc(o.sizes, func(apps int) bool { return apps%pageSize != 0 }) {
		return nil, fmt.Errorf("--sizes are multiples of %d, so that the last page of a list has as many Apps as the first", pageSize)
	}
	if o.duration <= 0 {
		return nil, errors.New("--duration is more than nothing")
	}
	return o, o.absolute()
}

// absolute makes the folders independent of the working folder.
func (o *options) absolute() error {
	for _, path := range []*string{&o.root, &o.out, &o.dir} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}

// numbers reads a list of numbers from 1 on.
func numbers(list *[]int) func(string) error {
	return func(text string) error {
		*list = nil
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is no number from 1 on", part)
			}
			*list = append(*list, n)
		}
		return nil
	}
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctrllog.SetLogger(logr.Discard()) // Or controller-runtime, which has nothing to say here, complains after half a minute.
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "berth-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }() //nolint:gosec // It was made just now.
	}
	if err := os.MkdirAll(o.dir, 0o750); err != nil {
		return err
	}
	b := &bench{options: o, log: log, began: time.Now()}
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	return results.Write(o.out)
}
