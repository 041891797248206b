package controlplane

import (
	"net"
	"path/filepath"

	"github.com/berth-dev/berth/hack/cluster/internal/address"
	"github.com/berth-dev/berth/hack/cluster/internal/pki"
)

func (c *ControlPlane) etcdArgs() []string {
	return []string{
		"--data-dir=" + filepath.Join(c.o.Dir, "etcd"),
		"--listen-client-urls=" + c.etcd, "--advertise-client-urls=" + c.etcd,
		"--listen-peer-urls=http://" + address.Loopback + ":0",
		"--client-cert-auth", "--trusted-ca-file=" + c.file("etcd-ca.crt"),
		"--cert-file=" + c.file("etcd.crt"), "--key-file=" + c.file("etcd.key"),
		"--log-level=warn",
		// A cluster for tests may lose its last writes when the machine dies, and is faster for it.
		"--unsafe-no-fsync",
	}
}

func (c *ControlPlane) apiServerArgs() ([]string, error) {
	host, port, err := net.SplitHostPort(c.o.Address)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--etcd-servers=" + c.etcd, "--etcd-cafile=" + c.file("etcd-ca.crt"),
		"--etcd-certfile=" + c.file("etcd.crt"), "--etcd-keyfile=" + c.file("etcd.key"),
		"--bind-address=" + host, "--advertise-address=" + host, "--secure-port=" + port,
		"--service-cluster-ip-range=" + address.Services,
		"--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--client-ca-file=" + c.Authority.File(),
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
		"--kubelet-certificate-authority=" + c.Authority.File(), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + c.file("apiserver-kubelet.crt"), "--kubelet-client-key=" + c.file("apiserver-kubelet.key"),
		"--requestheader-client-ca-file=" + c.file("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.file("front-proxy-client.crt"), "--proxy-client-key-file=" + c.file("front-proxy-client.key"),
		"--service-account-issuer=https://kubernetes.default.svc." + address.Domain,
		"--service-account-key-file=" + c.file("service-accounts.key"), "--service-account-signing-key-file=" + c.file("service-accounts.key"),
	}
	if host == address.Loopback {
		// A loopback address is refused as an endpoint of the Service kubernetes, which only pods would use.
		args = append(args, "--endpoint-reconciler-type=none")
	}
	if c.o.AuditPolicy != "" {
		args = append(args, "--audit-policy-file="+c.o.AuditPolicy, "--audit-log-path="+c.o.AuditLog)
	}
	return args, nil
}

func (c *ControlPlane) controllerManagerArgs() ([]string, error) {
	args, err := c.clientArgs("kube-controller-manager")
	return append(args,
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.file("service-accounts.key"), "--root-ca-file="+c.Authority.File(),
		"--cluster-signing-cert-file="+c.Authority.File(), "--cluster-signing-key-file="+c.file("ca.key"),
		"--allocate-node-cidrs=true", "--cluster-cidr="+address.Pods, "--service-cluster-ip-range="+address.Services,
	), err
}

func (c *ControlPlane) schedulerArgs() ([]string, error) { return c.clientArgs("kube-scheduler") }

// clientArgs are those of a program that works for the API server as the user that is made for it.
func (c *ControlPlane) clientArgs(name string) ([]string, error) {
	kubeconfig, err := c.Authority.Kubeconfig(name, c.Server(), pki.Subject{User: "system:" + name})
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--secure-port=0", "--leader-elect=false",
	}, err
}
