package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// Stack is Berth and what it runs on.
type Stack struct {
	// Env says how to use it.
	Env Env
	// Config and Client lead to the cluster with an administrator's rights.
	Config *rest.Config
	Client client.Client
	// AmazonAddr is where the local AWS answers on loopback, host:port; empty if there is none.
	AmazonAddr string
	// TraefikDir is the folder of the ingress controller's own configuration, what no Ingress says; empty for an existing cluster.
	TraefikDir string
	// Git is the cluster's Git server; empty if there is none.
	Git Git

	opts      Options
	cluster   *cluster
	processes []*child
	// facadeAddr is the loopback address of the facade; known before anything is started.
	facadeAddr string
	// tags are the image tags of operator and facade, by name; push sets them.
	tags map[string]string
	// loaded are the names by which Apps have images that were loaded without a registry, by those that Push took.
	loaded sync.Map
	// stopForwarding ends the port forwarding to an existing cluster's facade.
	stopForwarding context.CancelFunc
	began          time.Time
	// hosts guards the file of the names that the cluster's DNS knows.
	hosts sync.Mutex
}

// Git is a Git server that Flux reads from.
type Git struct {
	// URL is what the name of a repository is added to, as the cluster knows it.
	URL string
	// Repositories is the folder of the repositories, bare ones.
	Repositories string
}

// step is a part of bringing it up.
type step struct {
	what string
	do   func(context.Context) error
}

// Start brings up a stack and returns when Berth serves. On an error, what was started is ended again.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	log.SetLogger(logr.Discard()) // Or controller-runtime, which has nothing to say here, complains after half a minute.
	s := &Stack{opts: opts, began: time.Now()}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := os.MkdirAll(s.opts.Dir, 0o750); err != nil {
		return err
	}
	if s.opts.Existing != nil {
		if err := s.find(ctx); err != nil { // Before anything takes its time.
			return err
		}
		s.logf("%s", s.opts.Existing.Settings)
	}
	var err error
	if s.facadeAddr, err = s.facadeAddress(); err != nil {
		return err
	}
	if err := s.makeSessionKey(); err != nil {
		return err
	}
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error { return s.build(bothCtx) })
	both.Go(func() error { return s.connect(bothCtx) })
	if err := both.Wait(); err != nil {
		return err
	}
	steps := []step{
		{"push the images", s.push},
		{"install Berth", s.install},
		{"start operator and facade", s.serve},
		{"wait for the facade", s.waitForFacade},
		{"make the organization and its keys", s.seed},
	}
	if s.opts.WithoutBerth {
		steps = steps[:1]
	}
	for _, step := range steps {
		s.logf("%s", step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s.Env.write(s.EnvFile())
}

// EnvFile is the file with the shell assignments.
func (s *Stack) EnvFile() string { return filepath.Join(s.opts.Dir, "env") }

// Bin is the path of one of the commands that were built: operator, facade, berthctl, sample.
func (s *Stack) Bin(name string) string { return filepath.Join(s.opts.Dir, "bin", name) }

// connect starts the cluster and makes its clients, unless it is there already.
func (s *Stack) connect(ctx context.Context) error {
	s.Env.BaseDomain = s.opts.BaseDomain
	if e := s.opts.Existing; e != nil {
		s.Env.Kubeconfig, s.Env.Registry, s.Env.HTTPSAddr, s.Env.Mode = e.Kubeconfig, e.Registry.Pull, e.IngressAddr, "existing"
		return nil // There are clients since find.
	}
	c, err := s.startCluster(ctx)
	if err != nil {
		return err
	}
	s.Env.Kubeconfig, s.Env.Registry, s.Env.Mode = c.env["KUBECONFIG"], c.env["REGISTRY"], c.env["CLUSTER_MODE"]
	s.Env.HTTPAddr, s.Env.HTTPSAddr, s.Env.CAIngress = c.env["HTTP_ADDR"], c.env["HTTPS_ADDR"], c.env["CLUSTER_CA_INGRESS"]
	s.Env.ACMEIssuer, s.Env.CAACME, s.Env.Hosts = c.env["CLUSTER_ACME_ISSUER"], c.env["CLUSTER_CA_ACME"], c.env["CLUSTER_HOSTS"]
	s.Env.MailDir, s.Env.AuditLog = c.env["MAIL_DIR"], c.env["CLUSTER_AUDIT_LOG"]
	s.AmazonAddr, s.TraefikDir = c.env["FORWARD_AMAZON"], c.env["TRAEFIK_DIR"]
	s.Git = Git{URL: c.env["FLUX_GIT_URL"], Repositories: c.env["FLUX_GIT_REPOSITORIES"]}
	return s.makeClients(s.Env.Kubeconfig)
}

// makeClients makes the clients of the cluster that a kubeconfig leads to.
func (s *Stack) makeClients(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // The API server's own fairness is enough.
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, berthv1alpha1.AddToScheme, certmanagerv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	s.Config = config
	s.Client, err = client.New(config, client.Options{Scheme: scheme})
	return err
}

// Done is closed when the stack's cluster has ended by itself; nil, which blocks for ever, for an existing cluster.
func (s *Stack) Done() <-chan struct{} {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.exited
}

// Stop ends all that Start started. What was installed into an existing cluster stays there.
func (s *Stack) Stop() error {
	var errs []error
	if err := os.Remove(s.EnvFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	if s.stopForwarding != nil {
		s.stopForwarding()
	}
	for _, p := range s.processes {
		errs = append(errs, p.stop())
	}
	if s.cluster != nil {
		if err := s.cluster.stop(); !errors.Is(err, errEnded) { // Whoever looks at Done knows that already.
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Stack) logf(format string, args ...any) {
	fmt.Fprintf(s.opts.Log, "[%5.1fs] %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}
