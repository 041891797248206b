package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	certutil "k8s.io/client-go/util/cert"

	"github.com/berth-dev/berth/hack/bench/internal/load"
	"github.com/berth-dev/berth/hack/bench/internal/plane"
	"github.com/berth-dev/berth/hack/bench/internal/process"
	"github.com/berth-dev/berth/hack/bench/internal/report"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

const (
	// organization is the one that all Apps are in.
	organization = "cowork"
	// unknown is a Namespace that is no organization, which the floor writes into.
	unknown    = "floor"
	baseDomain = "apps.example.test"
)

// serveProfiles is added to the programs when they are built, so that they can be profiled.
//
//go:embed profiles.go.txt
var serveProfiles []byte

// build builds operator and facade as they are released, with what serves their profiles.
func (b *bench) build(ctx context.Context) error {
	added := filepath.Join(b.dir, "profiles.go")
	if err := os.WriteFile(added, serveProfiles, 0o600); err != nil {
		return err
	}
	replaced := map[string]string{}
	for _, name := range []string{"operator", "facade"} {
		replaced[filepath.Join(b.root, "cmd", name, "profiles.go")] = added
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	out := filepath.Join(b.dir, "bin") + "/"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", file, "-o", out, "./cmd/operator", "./cmd/facade") //nolint:gosec // Ours.
	cmd.Dir, cmd.Env, cmd.Stderr = b.root, append(os.Environ(), "CGO_ENABLED=0"), b.log
	return cmd.Run()
}

// stack is Berth on a control plane with a number of Apps, or what of it runs.
type stack struct {
	*bench

	apps  int
	dir   string
	plane *plane.Plane
	size  report.Size
	// rounds counts what is measured, so that each round makes Apps and images of its own.
	rounds int

	operator, facade *process.Process
	// token is an API key of a manager's, client trusts the facade.
	token  string
	client *fasthttp.Client
	// url is where the facade answers, operatorMetrics, operatorProfiles and facadeProfiles where the processes tell of themselves, host:port.
	url                                               string
	operatorMetrics, operatorProfiles, facadeProfiles string
}

// start starts a control plane with an organization and a key, and nothing of Berth that runs.
func (b *bench) start(ctx context.Context, dir string, apps int) (*stack, error) {
	s := &stack{bench: b, apps: apps, dir: dir, size: report.Size{Apps: apps}}
	var err error
	if s.plane, err = plane.Start(ctx, dir); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *stack) prepare(ctx context.Context) error {
	for name, is := range map[string]bool{organization: true, unknown: false} {
		if err := s.plane.Namespace(ctx, name, is); err != nil {
			return err
		}
	}
	key, token, err := apikey.New(apikey.Spec{Role: apikey.RoleManager, Organizations: []string{organization}})
	if err != nil {
		return err
	}
	s.token = token
	if _, err := s.plane.Client.CoreV1().Secrets(testenv.KeysNamespace).Create(ctx, key.Secret(testenv.KeysNamespace), metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := s.makeCertificate(); err != nil {
		return err
	}
	var facade string
	if err := freeAddresses(&facade, &s.operatorMetrics, &s.operatorProfiles, &s.facadeProfiles); err != nil {
		return err
	}
	s.url = "https://" + facade
	return nil
}

// freeAddresses sets addresses on loopback that nobody listens at, each another one.
func freeAddresses(addresses ...*string) (err error) {
	var taken []net.Listener
	for _, address := range addresses {
		l, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if err = listenErr; err != nil {
			break
		}
		taken, *address = append(taken, l), l.Addr().String()
	}
	for _, l := range taken {
		err = errors.Join(err, l.Close())
	}
	return err
}

// makeCertificate makes the facade's certificate and a client that trusts it.
func (s *stack) makeCertificate() error {
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return err
	}
	for name, pem := range map[string][]byte{"facade.crt": certificate, "facade.key": key} {
		if err := os.WriteFile(filepath.Join(s.dir, name), pem, 0o600); err != nil {
			return err
		}
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(certificate)
	connections := max(slices.Max(s.clients), convergeClients, profileClients)
	// A connection that is being closed still counts.
	s.client = load.NewClient(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}, 2*connections)
	return nil
}

// run starts one of Berth's programs with the rights of its ServiceAccount.
func (s *stack) run(ctx context.Context, name, account, profiles string, args ...string) (*process.Process, error) {
	kubeconfig, err := s.plane.Kubeconfig(ctx, account)
	if err != nil {
		return nil, err
	}
	args = append(args, "--kubeconfig="+kubeconfig, "--namespace="+testenv.Namespace, "--base-domain="+baseDomain)
	return process.Start(filepath.Join(s.dir, name+".log"), filepath.Join(s.bench.dir, "bin", name), []string{"BENCH_PROFILES=" + profiles}, args...)
}

func (s *stack) startOperator(ctx context.Context) (err error) {
	s.operator, err = s.run(ctx, "operator", rbac.ServiceAccountOperator, s.operatorProfiles,
		"--issuer-name=ca", "--ask-registries=false", "--ingress-class=traefik", "--router-namespace=traefik", "--leader-elect",
		"--leader-election-namespace="+testenv.Namespace, "--metrics-bind-address="+s.operatorMetrics, "--health-probe-bind-address=0")
	return err
}

// startFacade returns when the facade answers, and with what it says to a page of Apps.
func (s *stack) startFacade(ctx context.Context) (err error) {
	s.facade, err = s.run(ctx, "facade", rbac.ServiceAccountFacade, s.facadeProfiles,
		"--listen-address="+s.url[len("https://"):], "--health-probe-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0",
		"--tls-cert-file="+filepath.Join(s.dir, "facade.crt"), "--tls-key-file="+filepath.Join(s.dir, "facade.key"),
		"--key-rate=0", "--failed-logins=0", "--max-connections-per-address=0", "--drain-delay=0s")
	if err != nil {
		return err
	}
	last := errors.New("no answer")
	err = wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		_, last = s.page("")
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the facade: %w: %w", err, last)
	}
	return nil
}

// page is how many Apps a page of the list of all has.
func (s *stack) page(query string) (apps int, err error) {
	err = load.Do(s.client, s.target(http.MethodGet, appsPath+query, nil), http.StatusOK, func(body []byte) error {
		var list struct{ Results []json.RawMessage }
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("read a page: %w", err)
		}
		apps = len(list.Results)
		return nil
	})
	return apps, err
}

func stopProcess(p **process.Process) error {
	if *p == nil {
		return nil
	}
	err := (*p).Stop()
	*p = nil
	return err
}

func (s *stack) stopOperator() error { return stopProcess(&s.operator) }

func (s *stack) stopFacade() error {
	s.client.CloseIdleConnections()
	return stopProcess(&s.facade)
}

// stop ends all that runs.
func (s *stack) stop() error {
	return errors.Join(s.stopOperator(), stopProcess(&s.facade), s.plane.Stop())
}
