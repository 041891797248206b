package stack

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// startProcesses runs operator and facade with the rights of their service accounts, as Pods would have them.
func (s *Stack) startProcesses(ctx context.Context) error {
	addr := s.facadeAddr
	s.Env.URL = "https://" + addr
	file := func(name string) string { return filepath.Join(s.opts.Dir, name) }
	base := "--base-domain=" + s.opts.BaseDomain
	operator := []string{
		base, "--issuer-name=" + s.issuer(), "--ingress-class=" + s.ingressClass(),
		"--ingress-annotation=traefik.ingress.kubernetes.io/router.entrypoints=websecure",
		"--namespace=" + Namespace, "--router-network=" + routerNetworks, "--metrics-bind-address=0", "--health-probe-bind-address=0",
		"--registry-mirror=" + s.registryMirrors(), "--internal-registry=" + s.internalRegistries(),
	}
	if err := s.startProcess(ctx, "operator", operator...); err != nil {
		return err
	}
	facade := []string{
		base, "--namespace=" + Namespace, "--listen-address=" + addr, "--default-from-email=no-reply@" + s.opts.BaseDomain,
		"--tls-cert-file=" + file("facade.crt"), "--tls-key-file=" + file("facade.key"), "--health-probe-bind-address=127.0.0.1:0",
	}
	if m := s.MailServer(); m != nil {
		facade = append(facade, m.facadeFlags()...)
	}
	if i := s.Identity(); i != nil {
		facade = append(facade, i.facadeFlags()...)
	}
	return s.startProcess(ctx, "facade", facade...)
}

// facadeAddress is a loopback address that is free now, the usual one if it can be had.
func (s *Stack) facadeAddress() (string, error) {
	l, err := net.Listen("tcp", s.opts.listen("facade"))
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startProcess starts operator or facade, and ties its life to that of the calling thread, for which the goroutine has to keep it: on
// Linux a parent's death is its thread's.
func (s *Stack) startProcess(ctx context.Context, name string, args ...string) error {
	kubeconfig, err := s.serviceAccountKubeconfig(ctx, "berth-"+name)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.opts.Dir, name+".log")) //nolint:gosec // The folder is ours.
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.Bin(name), append(args, "--kubeconfig="+kubeconfig)...) //nolint:gosec,noctx // The command is ours, and Stop ends it.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p, err := startChild(cmd, log)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	return nil
}

// serviceAccountKubeconfig writes a kubeconfig that acts as one of Berth's service accounts.
func (s *Stack) serviceAccountKubeconfig(ctx context.Context, name string) (string, error) {
	day := int64(24 * time.Hour / time.Second)
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name}}
	if err := s.Client.SubResource("token").Create(ctx, account, token); err != nil {
		return "", err
	}
	admin, err := clientcmd.LoadFromFile(s.Env.Kubeconfig)
	if err != nil {
		return "", err
	}
	use := admin.Contexts[admin.CurrentContext]
	admin.AuthInfos = map[string]*clientcmdapi.AuthInfo{name: {Token: token.Status.Token}}
	admin.Contexts = map[string]*clientcmdapi.Context{name: {Cluster: use.Cluster, AuthInfo: name, Namespace: Namespace}}
	admin.CurrentContext = name
	path := filepath.Join(s.opts.Dir, name+".kubeconfig")
	return path, clientcmd.WriteToFile(*admin, path)
}
