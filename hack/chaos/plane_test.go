package chaos

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/berth-dev/berth/internal/certificate"
)

const loopback = "127.0.0.1"

// The programs of a control plane.
const (
	etcdProgram       = "etcd"
	apiServerProgram  = "kube-apiserver"
	controllerProgram = "kube-controller-manager"
)

// controllerNames are what the controller manager runs: what a Deployment takes, and what collects what is left. That of Pods is there for those
// without a node whose deletion an API server has begun that is dead before the end of it: every 20 seconds it goes on with them.
var controllerNames = []string{
	"deployment-controller", "replicaset-controller", "garbage-collector-controller", "pod-garbage-collector-controller", "namespace-controller",
}

// plane is a control plane, of processes that can be killed and started again on the same data and ports.
type plane struct {
	dir, assets string
	etcd, api   string
	token       string
	processes   map[string]*exec.Cmd
}

// startPlane starts a control plane whose data and logs are in dir.
func startPlane(ctx context.Context, dir, assets string) (*plane, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	p := &plane{
		dir: dir, assets: assets, etcd: "http://" + ports[0], api: ports[1], token: cryptorand.Text(), processes: map[string]*exec.Cmd{},
	}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	for _, name := range []string{etcdProgram, apiServerProgram} {
		if err := p.start(name); err != nil {
			return p, err
		}
	}
	return p, p.awaitReady(ctx)
}

// firstPort is the first one that a program may get.
const firstPort = 10000

// freePorts returns addresses that nobody listens at. They lie below the ports that the kernel gives to outgoing connections, one of which might
// otherwise have the port of a program that is to start again.
func freePorts(number int) ([]string, error) {
	const file = "/proc/sys/net/ipv4/ip_local_port_range"
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var end int
	if _, err := fmt.Sscan(string(content), &end); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if end < firstPort+1000 {
		return nil, fmt.Errorf("%s leaves too few ports from %d on: %s", file, firstPort, content)
	}
	var found []string
	var open []net.Listener
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(firstPort+rand.IntN(end-firstPort))))
		if err != nil {
			continue // Somebody has it.
		}
		open = append(open, l)
		if found = append(found, l.Addr().String()); len(found) == number {
			break
		}
	}
	var errs []error
	for _, l := range open { // Only now, so that the addresses differ.
		errs = append(errs, l.Close())
	}
	if len(found) < number {
		errs = append(errs, fmt.Errorf("%d ports are free of 100 tried, want %d", len(found), number))
	}
	return found, errors.Join(errs...)
}

// prepare writes the files that the programs read.
func (p *plane) prepare() error {
	key, err := certificate.NewKey(certificate.RSA)
	if err != nil {
		return err
	}
	text, err := certificate.EncodeKey(key)
	if err != nil {
		return err
	}
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["chaos"] = &clientcmdapi.Cluster{Server: "https://" + p.api, CertificateAuthority: p.file("apiserver.crt")}
	kubeconfig.AuthInfos["chaos"] = &clientcmdapi.AuthInfo{Token: p.token}
	kubeconfig.Contexts["chaos"] = &clientcmdapi.Context{Cluster: "chaos", AuthInfo: "chaos"}
	kubeconfig.CurrentContext = "chaos"
	return errors.Join(
		os.WriteFile(p.file("service-accounts.key"), text, 0o600),
		os.WriteFile(p.file("tokens.csv"), []byte(p.token+",admin,admin,system:masters\n"), 0o600),
		clientcmd.WriteToFile(*kubeconfig, p.file("kubeconfig")),
	)
}

func (p *plane) file(name string) string { return filepath.Join(p.dir, name) }

// args are those of a program.
func (p *plane) args(name string) []string {
	switch name {
	case etcdProgram:
		return []string{
			"--data-dir=" + p.file("etcd"), "--listen-client-urls=" + p.etcd, "--advertise-client-urls=" + p.etcd,
			"--listen-peer-urls=http://" + loopback + ":0", "--log-level=warn",
			"--unsafe-no-fsync", // A process that is killed loses nothing that it has given to the kernel.
		}
	case apiServerProgram:
		host, port, _ := net.SplitHostPort(p.api)
		return []string{
			"--etcd-servers=" + p.etcd, "--bind-address=" + host, "--advertise-address=" + host, "--secure-port=" + port,
			"--cert-dir=" + p.dir, "--token-auth-file=" + p.file("tokens.csv"), "--authorization-mode=RBAC",
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + p.file("service-accounts.key"),
			"--service-account-signing-key-file=" + p.file("service-accounts.key"), "--service-cluster-ip-range=10.0.0.0/16",
			"--endpoint-reconciler-type=none", // A loopback address can't be an endpoint.
			// Nobody makes ServiceAccounts here, and no Pod uses one.
			"--disable-admission-plugins=ServiceAccount", "--allow-privileged=true",
		}
	default:
		return []string{
			"--kubeconfig=" + p.file("kubeconfig"), "--authentication-kubeconfig=" + p.file("kubeconfig"),
			"--authorization-kubeconfig=" + p.file("kubeconfig"), "--secure-port=0", "--leader-elect=false",
			"--controllers=" + strings.Join(controllerNames, ","),
			"--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-gc-syncs=4",
		}
	}
}

// start starts a program.
func (p *plane) start(name string) error {
	log, err := os.OpenFile(p.file(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(filepath.Join(p.assets, name), p.args(name)...) //nolint:noctx // It is killed when the test wants that.
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // Nothing outlives a test that panics or is killed.
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p.processes[name] = command
	return nil
}

// kill ends a program as a crash does.
func (p *plane) kill(name string) error {
	command := p.processes[name]
	if command == nil {
		return nil
	}
	delete(p.processes, name)
	err := command.Process.Kill()
	_ = command.Wait() // It says that it was killed.
	return err
}

// revive starts what was killed, and the controller manager anew, as one does that has lost its Lease meanwhile. One that goes on takes an object
// that was deleted and made again while it saw nothing for the same, and never collects what belonged to the first.
func (p *plane) revive(ctx context.Context, name string) error {
	if err := errors.Join(p.start(name), p.awaitReady(ctx)); err != nil {
		return err
	}
	return errors.Join(p.kill(controllerProgram), p.start(controllerProgram))
}

// stop ends all programs, those first that others don't need.
func (p *plane) stop() error {
	return errors.Join(p.kill(controllerProgram), p.kill(apiServerProgram), p.kill(etcdProgram))
}

// config is an administrator's, without any limit on requests.
func (p *plane) config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", p.file("kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	return config, nil
}

// awaitReady waits until the API server says that it is ready.
func (p *plane) awaitReady(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		last = p.askReady(ctx)
		return last == nil, nil
	})
	if err != nil {
		said, _ := os.ReadFile(p.file(apiServerProgram + ".log"))
		return fmt.Errorf("wait for the API server: %w\n%s", errors.Join(err, last), said[max(0, len(said)-2000):])
	}
	return nil
}

func (p *plane) askReady(ctx context.Context) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err // Before its first start, it has no certificate yet.
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
