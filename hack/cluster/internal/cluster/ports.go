package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/berth-dev/berth/hack/cluster/internal/forward"
	"github.com/berth-dev/berth/hack/cluster/internal/registry"
)

// programPorts are those that programs listen on themselves where they share the machine's network.
var programPorts = []PortName{APIPort, HTTPPort, HTTPSPort, OIDCPort}

// openPorts serves the listeners that lead into the cluster.
func (r *runner) openPorts(listeners []*net.TCPListener, failed context.CancelCauseFunc) error {
	for i, p := range r.spec.Ports {
		l := listeners[i]
		switch {
		case p.Name == RegistryPort:
			if err := r.serveRegistry(l, p.Target, failed); err != nil {
				return err
			}
		case !r.spec.Node && slices.Contains(programPorts, p.Name):
			// The program itself listens here, on the port that was found free.
			if err := l.Close(); err != nil {
				return err
			}
		default:
			go func() { failIf(failed, p.Name, forward.Serve(l, p.Target)) }()
		}
	}
	return nil
}

// serveRegistry serves images to the machine and, in a node's network, to the node.
func (r *runner) serveRegistry(outside net.Listener, target string, failed context.CancelCauseFunc) error {
	log, err := os.OpenFile(filepath.Join(r.spec.path(logsDir), "registry.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	handler, err := registry.New(r.spec.path(registryDir), log)
	if err != nil {
		return err
	}
	listeners := []net.Listener{outside}
	if r.spec.Node {
		inside, err := net.Listen("tcp", target)
		if err != nil {
			return err
		}
		listeners = append(listeners, inside)
	}
	for _, l := range listeners {
		go func() { failIf(failed, RegistryPort, http.Serve(l, handler)) }()
	}
	return nil
}

func failIf(failed context.CancelCauseFunc, name PortName, err error) {
	if err != nil {
		failed(fmt.Errorf("port %s: %w", name, err))
	}
}

// freePort returns a loopback address that nobody listens on at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", DefaultListen)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
