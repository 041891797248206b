package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/cgroup"
	"github.com/berth-dev/berth/hack/cluster/internal/process"
	"github.com/berth-dev/berth/hack/cluster/internal/sandbox"
)

// NodeCommand is the argument with which this program has to call RunNode.
const NodeCommand = "run-node"

// stopGrace is how long the sandbox gets to end by itself.
const stopGrace = 3 * time.Second

// errParentEnded is why a cluster ends whose parent has ended.
var errParentEnded = errors.New("the process that started the cluster has ended")

// Start runs a cluster until ctx ends, which is no error, or until it cannot go on. What it made on the
// machine is gone when it returns.
func Start(ctx context.Context, o Options) (err error) {
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	held, err := lock(o.Dir)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := tidy(o.Dir); err != nil {
		return fmt.Errorf("tidy up after an earlier cluster: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !o.OutliveParent {
		go watchParent(ctx, cancel)
	}
	spec, listeners, err := settle(o)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	s := state{}
	if s.Process, err = process.Of(os.Getpid()); err != nil {
		return err
	}
	if spec.Node {
		return startNode(ctx, spec, s, listeners)
	}
	return withWatcher(s, o.Dir, func() error { return run(ctx, spec, listeners, nil) })
}

// settle opens the listeners and fills in the spec.
func settle(o Options) (Spec, []*net.TCPListener, error) {
	spec := Spec{
		Dir: o.Dir, Node: !o.ControlPlane, Mirrors: o.Mirrors, Redirects: o.Redirects, People: o.People, Flux: o.Flux,
		Programs: o.Programs, Started: o.Started, PID: os.Getpid(), Ports: o.ports(),
	}
	listeners := make([]*net.TCPListener, 0, len(spec.Ports))
	for i, p := range spec.Ports {
		l, err := listen(p.Listen, o.OtherPorts)
		if err != nil {
			closeAll(listeners)
			return spec, nil, fmt.Errorf("listen for %s: %w", p.Name, err)
		}
		spec.Ports[i].Listen = l.Addr().String()
		if p.Target == "" {
			spec.Ports[i].Target = net.JoinHostPort(address.Node, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
		}
		listeners = append(listeners, l.(*net.TCPListener))
	}
	if o.AuditPolicy == "" {
		return spec, listeners, nil
	}
	policy, err := os.ReadFile(o.AuditPolicy)
	if err != nil {
		closeAll(listeners)
		return spec, nil, err
	}
	spec.AuditPolicy = spec.path(auditPolicyFile)
	return spec, listeners, os.WriteFile(spec.AuditPolicy, policy, 0o644)
}

// listen listens on a host:port, or, where that port is taken and another one will do, on a free one.
func listen(address string, other bool) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if !other || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

func closeAll(listeners []*net.TCPListener) {
	for _, l := range listeners {
		_ = l.Close() // some were closed where they were used
	}
}

// startNode runs the cluster in a sandbox, and waits for its end.
func startNode(ctx context.Context, spec Spec, s state, listeners []*net.TCPListener) error {
	if err := cgroup.Sweep(); err != nil {
		return fmt.Errorf("sweep control groups of dead clusters: %w", err)
	}
	group, err := cgroup.New()
	if err != nil {
		return err
	}
	s.Groups = group.Dirs()
	return withWatcher(s, spec.Dir, func() error { return runSandbox(ctx, spec, group, listeners) })
}

func runSandbox(ctx context.Context, spec Spec, group *cgroup.Group, listeners []*net.TCPListener) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	files, err := descriptors(listeners)
	if err != nil {
		return err
	}
	inside, err := sandbox.Start(group, files, NodeCommand, string(text))
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- inside.Wait() }()
	select {
	case err := <-done:
		return fmt.Errorf("the node ended: %w", err)
	case <-ctx.Done():
		return errors.Join(endSandbox(inside.Process, done), parentError(ctx))
	}
}

// descriptors are copies of the listeners' descriptors.
func descriptors(listeners []*net.TCPListener) ([]*os.File, error) {
	files := make([]*os.File, 0, len(listeners))
	for _, l := range listeners {
		f, err := l.File()
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// endSandbox asks the sandbox to end, and kills it if it takes too long: all in it dies with it.
func endSandbox(p *os.Process, done <-chan error) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-done:
		return nil
	case <-time.After(stopGrace):
	}
	err := p.Kill()
	<-done
	return err
}

// parentError is nil when ctx ended because somebody asked for it.
func parentError(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errParentEnded) {
		return err
	}
	return nil
}

// watchParent cancels when the process that started this one has ended. A parent death signal would come
// from the end of the parent's thread, which is earlier in some languages.
func watchParent(ctx context.Context, cancel context.CancelCauseFunc) {
	parent := os.Getppid()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				cancel(errParentEnded)
				return
			}
		}
	}
}
