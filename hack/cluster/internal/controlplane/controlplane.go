// Package controlplane runs etcd, the API server, the controller manager and the scheduler.
package controlplane

import (
	"context"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/hack/cluster/internal/pki"
	"github.com/berth-dev/berth/hack/cluster/internal/supervise"
)

// ControlPlane is the control plane of a cluster.
type ControlPlane struct {
	// Authority signs whom the API server trusts.
	Authority *pki.Authority

	o    Options
	etcd string
}

// Options say where a control plane listens and keeps its state.
type Options struct {
	// Dir is the folder of etcd's data, PKI the one of keys and certificates.
	Dir, PKI string
	// Address is the host:port at which the API server listens and is reached.
	Address string
	// Etcd is the host:port of etcd.
	Etcd string
	// AuditPolicy is a file with a policy for the API server's audit log, AuditLog the log; both may be
	// empty.
	AuditPolicy, AuditLog string
	// Programs is the folder of the Kubernetes programs.
	Programs string
	// Supervisor runs the programs.
	Supervisor *supervise.Supervisor
}

// New prepares a control plane: its keys and certificates.
func New(o Options) (*ControlPlane, error) {
	if err := os.MkdirAll(o.PKI, 0o700); err != nil {
		return nil, err
	}
	authority, err := pki.OpenAuthority(o.PKI, "ca")
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{Authority: authority, o: o, etcd: "https://" + o.Etcd}
	return c, c.issue()
}

// Server is the API server's URL where it listens.
func (c *ControlPlane) Server() string { return "https://" + c.o.Address }

// Start runs etcd and the API server, and returns when that is ready.
func (c *ControlPlane) Start(ctx context.Context) error {
	if err := c.start("etcd", c.etcdArgs()); err != nil {
		return err
	}
	args, err := c.apiServerArgs()
	if err != nil {
		return err
	}
	if err := c.start("kube-apiserver", args); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// StartControllers runs the controller manager and the scheduler.
func (c *ControlPlane) StartControllers() error {
	args, err := c.controllerManagerArgs()
	if err != nil {
		return err
	}
	if err := c.start("kube-controller-manager", args); err != nil {
		return err
	}
	if args, err = c.schedulerArgs(); err != nil {
		return err
	}
	return c.start("kube-scheduler", args)
}

func (c *ControlPlane) start(name string, args []string) error {
	path := filepath.Join(c.o.Programs, name)
	return c.o.Supervisor.Start(supervise.Program{Name: name, Path: path, Args: args})
}

func (c *ControlPlane) file(name string) string { return filepath.Join(c.o.PKI, name) }
