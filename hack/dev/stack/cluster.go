package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// The Service of the facade has this port on the node, and the registry that; the node has this address in its network namespace.
const (
	facadeNodePort = 30443
	registryPort   = 5000
	nodeIP         = "10.200.0.1"
)

// routerNetworks are where the ingress controller, a process on the node, sends requests to Pods from: the node's address, and the one that
// it has on the bridge to its Pods.
const routerNetworks = nodeIP + "/32,10.244.0.1/32"

// fixedPorts are the loopback ports that `make run` prefers.
var fixedPorts = map[string]int{"api": 6443, "registry": 5000, "http": 8080, "https": 8443, "facade": 8011, "oidc": 5556}

// listen is the loopback address for one purpose: port 0, a free one, unless the usual port was asked for.
func (o *Options) listen(purpose string) string {
	port := 0
	if o.FixedPorts {
		port = fixedPorts[purpose]
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// RemoveCluster ends what a stack that was killed may have left in its folder, and returns when it is gone.
func RemoveCluster(ctx context.Context, opts Options) error {
	if err := opts.complete(); err != nil {
		return err
	}
	if _, err := os.Stat(opts.clusterDir()); errors.Is(err, os.ErrNotExist) {
		return nil // There was none, and the command may not be built.
	}
	return runCommand(exec.CommandContext(ctx, opts.Cluster, "stop", "--dir", opts.clusterDir())) //nolint:gosec // The command is ours.
}

func (o *Options) clusterDir() string { return filepath.Join(o.Dir, "cluster") }

// cluster is a running one-node Kubernetes, a child process.
type cluster struct {
	*child

	env map[string]string
}

// startCluster starts the one-node Kubernetes and waits until it is ready.
func (s *Stack) startCluster(ctx context.Context) (*cluster, error) {
	dir := s.opts.clusterDir()
	envFile := filepath.Join(dir, "env")
	if err := os.Remove(envFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	args := append([]string{"start", "--dir", dir, "--other-ports"}, s.identityFlags()...)
	if os.Geteuid() == 0 { // Otherwise there is no node to forward to.
		args = append(args, "--forward", fmt.Sprintf("facade=%s,%s:%d", s.facadeAddr, nodeIP, facadeNodePort))
		if s.opts.Amazon {
			args = append(args, s.opts.amazonFlags()...)
		}
	}
	if s.opts.Flux {
		args = append(args, "--flux")
	}
	if s.opts.AuditPolicy != "" {
		args = append(args, "--audit-policy", s.opts.AuditPolicy)
	}
	for _, purpose := range []string{"api", "registry", "http", "https"} {
		args = append(args, "--listen-"+purpose, s.opts.listen(purpose))
	}
	// Not CommandContext: the end of ctx shall be a graceful stop, and that is Stop's to do.
	started, err := startChild(exec.Command(s.opts.Cluster, args...), s.opts.Log) //nolint:gosec,noctx // The command is ours.
	if err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	c := &cluster{child: started}
	s.cluster = c
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-c.exited:
			return nil, fmt.Errorf("the cluster ended while it started: %w", c.err)
		case <-time.After(20 * time.Millisecond):
		}
		env, err := readAssignments(envFile)
		if err == nil {
			c.env = env
			return c, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
}
