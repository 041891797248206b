package controlplane

import (
	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
)

// administrators may do everything: the group is what the API server itself binds to cluster-admin.
var administrators = []string{"system:masters"}

// issue writes every key and certificate that the control plane's own programs need.
func (c *ControlPlane) issue() error {
	names := map[string]pki.Subject{
		"apiserver": {User: "kube-apiserver", Hosts: []string{
			address.Loopback, address.Node, address.APIService, "localhost", "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc." + address.Domain,
		}},
		"apiserver-kubelet": {User: "kube-apiserver-kubelet-client", Groups: administrators},
	}
	for name, subject := range names {
		if err := c.Authority.Issue(name, subject); err != nil {
			return err
		}
	}
	if err := c.issueApart("front-proxy-ca", "front-proxy-client"); err != nil {
		return err
	}
	// etcd asks for certificates, since other users of the machine can reach its loopback address, and has
	// an authority of its own, since it lets in whoever has one.
	if err := c.issueApart("etcd-ca", "etcd", address.Loopback); err != nil {
		return err
	}
	return pki.NewKey(c.o.PKI, "service-accounts")
}

// issueApart issues one certificate by an authority of its own.
func (c *ControlPlane) issueApart(authority, name string, hosts ...string) error {
	a, err := pki.OpenAuthority(c.o.PKI, authority)
	if err != nil {
		return err
	}
	return a.Issue(name, pki.Subject{User: name, Hosts: hosts})
}

// AdminKubeconfig writes a kubeconfig that may do everything at server, and returns its file.
func (c *ControlPlane) AdminKubeconfig(server string) (file string, err error) {
	return c.Authority.Kubeconfig("admin", server, pki.Subject{User: "kubernetes-admin", Groups: administrators})
}
