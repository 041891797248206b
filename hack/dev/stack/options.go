// Package stack brings up Berth with all that it needs on one machine: a Kubernetes of its own or an existing one, the operator, the
// facade, an organization and an API key. `make run` and the end-to-end tests are built on it.
package stack

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/berth-dev/berth/hack/dev/stack/existing"
)

// Organization is the one that every stack begins with.
const Organization = "cowork"

// Options say what to bring up.
type Options struct {
	// Root is the checkout to build Berth from.
	Root string
	// Dir is the folder for all that the stack writes. It is made if missing; Stop leaves nothing of the cluster in it.
	Dir string
	// Cluster is the command of hack/cluster, built.
	Cluster string
	// Log gets a line for each step.
	Log io.Writer
	// Existing, if not nil, installs into a cluster that is there already instead of starting one.
	Existing *Existing
	// FixedPorts asks for the same loopback ports at each start, as a person prefers; a port that is taken is replaced by a free
	// one. Default: free ports.
	FixedPorts bool
	// Amazon adds a local AWS, which the operator has an identity of, if there is a node.
	Amazon bool
	// Flux adds Flux and a Git server to a cluster of the stack's own.
	Flux bool
	// AuditPolicy is the file of a policy for the audit log of a cluster of the stack's own; empty: there is no audit log.
	AuditPolicy string
	// Groups are further groups of those who can sign in (Manager, Contributor, Staff).
	Groups map[string][]string
	// BaseDomain is the domain below which Apps answer.
	BaseDomain string
	// WithoutBerth leaves the installation to the caller, by what Settings says. Its images are in the registry.
	WithoutBerth bool
}

// Existing is a cluster that is there already. It must have cert-manager and an ingress controller.
type Existing struct {
	// Kubeconfig is the file that leads to it.
	Kubeconfig string
	// Settings are how Berth is installed into it. Start fills in what is empty, or fails.
	existing.Settings
	// IngressAddr is where its ingress controller answers HTTPS, host:port; may be empty.
	IngressAddr string
}

// complete checks the options and makes its paths absolute.
func (o *Options) complete() error {
	if o.BaseDomain == "" {
		return errors.New("the base domain is missing")
	}
	if o.Existing != nil && o.Existing.Kubeconfig == "" {
		return errors.New("the kubeconfig of the existing cluster is missing")
	}
	paths := []*string{&o.Root, &o.Dir}
	if o.AuditPolicy != "" {
		paths = append(paths, &o.AuditPolicy)
	}
	if o.Existing != nil {
		paths = append(paths, &o.Existing.Kubeconfig)
	}
	for _, p := range paths {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	return nil
}
