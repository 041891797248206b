package stack

import (
	"fmt"
	"strings"
)

// registryMirrors are where the operator asks the registries that the cluster's node pulls from, which have no TLS and are inside. For an existing
// cluster, it is the registry that the cluster documents, if Pods reach it.
func (s *Stack) registryMirrors() string {
	switch s.Env.Mode {
	case "existing":
		if r := s.opts.Existing.Registry; r.InCluster != "" {
			return r.Pull + "=http://" + r.InCluster
		}
		return ""
	case "control-plane":
		return s.Env.Registry + "=http://" + s.Env.Registry
	case "node":
		at := func(host string, port int) string { return fmt.Sprintf("%s=http://%s:%d", host, nodeIP, port) }
		mirrors := []string{at(s.Env.Registry, registryPort)}
		if s.opts.Amazon {
			mirrors = append(mirrors, at(ECRHost, amazonRegistryNodePort), at(UsersHost, usersRegistryNodePort))
		}
		return strings.Join(mirrors, ",")
	default:
		return ""
	}
}

// internalRegistries are those that every organization may pull from: that of the stack's images, which is at an address of this machine or, in an
// existing cluster, at a name that the nodes alone know.
func (s *Stack) internalRegistries() string {
	server, _, _ := strings.Cut(strings.ToLower(s.Env.Registry), "/")
	return server
}

// asksRegistries reports whether the operator reaches the registry of the stack's images.
func (s *Stack) asksRegistries() bool {
	e := s.opts.Existing
	return e == nil || e.Loader == nil && (!e.Registry.Documented || e.Registry.InCluster != "")
}
