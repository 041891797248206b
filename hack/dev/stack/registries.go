package stack

import (
	"fmt"
	"strings"
)

// registryMirrors are where the operator asks the registries that the cluster's node pulls from, which have no TLS and are inside. Empty for an
// existing cluster.
func (s *Stack) registryMirrors() string {
	switch s.Env.Mode {
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
