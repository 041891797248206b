// Package cluster puts a cluster together: it starts it, says where it is, and ends it without a trace.
//
//	Start    in the foreground of the command: listeners, control groups, the sandbox
//	RunNode  inside the sandbox, and for a control plane alone in place of it: everything else
//	Watch    a process apart, that tidies up once the others are gone, whatever ended them
//	Stop     from anywhere: ends the cluster of a folder
package cluster

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/node"
)

// Options are what a person asks for.
type Options struct {
	// Dir is the folder that holds all that the cluster writes. One cluster runs in it at a time.
	Dir string
	// ControlPlane leaves the node out.
	ControlPlane bool
	// Listen are the host:ports outside for the ports that every cluster has; port 0 picks a free one.
	Listen map[PortName]string
	// OtherPorts takes a free port in place of one that is taken, instead of failing.
	OtherPorts bool
	// Forwards are further ports that lead to addresses in the node's network.
	Forwards []Port
	// Mirrors are further registries that images are pulled from.
	Mirrors []node.Mirror
	// Redirects are the URLs that the identity provider may send browsers back to, People those who can sign in: ADDRESS=GROUP,GROUP.
	Redirects, People []string
	// AuditPolicy is the file of an audit policy; empty: no audit log.
	AuditPolicy string
	// Flux adds Flux and a Git server.
	Flux bool
	// OutliveParent keeps the cluster when the process that started it ends.
	OutliveParent bool
	// Programs are the folders of the built components by their names.
	Programs map[string]string
	// Started is when the command began, from which times are told.
	Started time.Time
}

// PortName names a port that leads into the cluster.
type PortName string

// The ports that every cluster has.
const (
	APIPort      PortName = "api"
	RegistryPort PortName = "registry"
	HTTPPort     PortName = "http"
	HTTPSPort    PortName = "https"
	OIDCPort     PortName = "oidc"
)

// Port is a listener outside that leads to an address in the cluster's network.
type Port struct {
	Name PortName
	// Listen is its host:port outside.
	Listen string
	// Target is the host:port inside; empty for the node's address, at the port that was got outside.
	Target string
	// Variable is what its address is called in the env file; empty: it is not there.
	Variable string
}

// DefaultListen is a free port on loopback.
const DefaultListen = address.Loopback + ":0"

// ports are all ports of a cluster, in the order in which their listeners are handed on.
func (o Options) ports() []Port {
	ports := []Port{
		{Name: APIPort, Target: address.API},
		{Name: RegistryPort, Target: address.Registry, Variable: "REGISTRY"},
		{Name: HTTPPort, Target: address.HTTP, Variable: "HTTP_ADDR"},
		{Name: HTTPSPort, Target: address.HTTPS, Variable: "HTTPS_ADDR"},
		{Name: OIDCPort},
	}
	for i := range ports {
		ports[i].Listen = o.Listen[ports[i].Name]
		if ports[i].Listen == "" {
			ports[i].Listen = DefaultListen
		}
	}
	return append(ports, o.Forwards...)
}

// ParseForward reads NAME=LISTEN,TARGET, such as facade=127.0.0.1:0,10.200.0.1:30443.
func ParseForward(text string) (Port, error) {
	name, rest, _ := strings.Cut(text, "=")
	listen, target, ok := strings.Cut(rest, ",")
	if !ok || name == "" {
		return Port{}, fmt.Errorf("%q is not NAME=LISTEN,TARGET", text)
	}
	for _, a := range []string{listen, target} {
		if _, _, err := net.SplitHostPort(a); err != nil {
			return Port{}, fmt.Errorf("%q: %w", text, err)
		}
	}
	variable := "FORWARD_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	return Port{Name: PortName("forward " + name), Listen: listen, Target: target, Variable: variable}, nil
}

// ParseMirror reads HOST=ADDRESS, such as registry.example.com=10.200.0.1:5001.
func ParseMirror(text string) (node.Mirror, error) {
	host, target, _ := strings.Cut(text, "=")
	if host == "" || strings.ContainsAny(host, `/\`) {
		return node.Mirror{}, fmt.Errorf("%q is not HOST=ADDRESS", text)
	}
	if _, _, err := net.SplitHostPort(target); err != nil {
		return node.Mirror{}, fmt.Errorf("%q: %w", text, err)
	}
	return node.Mirror{Host: host, Registry: target}, nil
}

// Spec is everything about one cluster that is settled before it starts. It is handed into the sandbox.
type Spec struct {
	Dir         string
	Node        bool
	Ports       []Port
	Mirrors     []node.Mirror
	AuditPolicy string
	Flux        bool
	Redirects   []string
	People      []string
	Programs    map[string]string
	Started     time.Time
	// PID is the process to signal to end the cluster.
	PID int
}

func (s Spec) path(elem ...string) string {
	return filepath.Join(append([]string{s.Dir}, elem...)...)
}

// port is the port of this name.
func (s Spec) port(name PortName) Port {
	for _, p := range s.Ports {
		if p.Name == name {
			return p
		}
	}
	return Port{}
}

// listen is where a port listens outside.
func (s Spec) listen(name PortName) string { return s.port(name).Listen }

// target is where a port leads to inside.
func (s Spec) target(name PortName) string { return s.port(name).Target }

// Names of what lies in a cluster's folder.
const (
	envFile         = "env"
	kubeconfigFile  = "kubeconfig"
	caFile          = "ingress-ca.crt"
	acmeRootFile    = "acme-ca.crt"
	auditLogFile    = "audit.log"
	auditPolicyFile = "audit-policy.yaml"
	stateFile       = "state.json"
	lockFile        = "lock"
	logsDir         = "logs"
	pidsDir         = "pids"
	pkiDir          = "pki"
	etcdDir         = "etcd"
	nodeDir         = "node"
	registryDir     = "registry"
	addonDir        = "addons"
	mailDir         = "mail"
	gitDir          = "git"
)
