package controllers

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testaws"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
	"github.com/berth-dev/berth/internal/testing/testotlp"
	"github.com/berth-dev/berth/internal/tracing"
)

const (
	baseDomain     = "apps.example.com"
	publicHost     = "berth.example.com"
	reservedDomain = "login.example.com"
)

// What the tests share: one API server with the controllers at work. Each test has Namespaces of its own.
var (
	// api asks the API server directly, as a user would.
	api client.WithWatch
	// cached is the controllers' own client.
	cached client.Client
	// uncached is the controllers' own way past their caches.
	uncached client.Reader
	// logged is what they have logged.
	logged = &testlog.Buffer{}
	// traced are the spans that they have sent.
	traced *testotlp.Receiver
	// sent is what the controllers have asked the API server for.
	sent = &traffic{}
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(m, testenv.InstallRights, testenv.AwaitPolicies, startControllers))
}

// amazon is the AWS that the controllers know of, by the environment.
var amazon = testaws.New(time.Now)

func startAmazon(ctx context.Context) error {
	served := httptest.NewServer(amazon)
	context.AfterFunc(ctx, served.Close)
	none := filepath.Join(os.TempDir(), "berth-no-such-file")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": served.URL, "AWS_ACCESS_KEY_ID": testaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": testaws.SecretAccessKey,
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

func startControllers(ctx context.Context, config *rest.Config) error {
	if err := startAmazon(ctx); err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(io.MultiWriter(os.Stderr, logged), &slog.HandlerOptions{Level: slog.LevelWarn})))
	var err error
	if api, err = client.NewWithWatch(config, client.Options{Scheme: Scheme()}); err != nil {
		return err
	}
	// The controllers may do what the operator may in a cluster, so that every test shows that it is enough.
	if config, err = testenv.ServiceAccount(ctx, config, rbac.ServiceAccountOperator); err != nil {
		return err
	}
	config.Wrap(sent.watch)
	config.Wrap(tracing.Calls)
	tracer, err := startTraces(ctx)
	if err != nil {
		return err
	}
	o := ManagerOptions()
	o.Metrics = server.Options{BindAddress: "0"}
	o.LeaderElection, o.LeaderElectionID, o.LeaderElectionNamespace = true, "berth-operator", testenv.Namespace
	mgr, err := ctrl.NewManager(config, o)
	if err != nil {
		return err
	}
	cached, uncached = mgr.GetClient(), mgr.GetAPIReader()
	options := testOptions()
	options.Tracer = tracer
	if err := SetupWithManager(ctx, mgr, options); err != nil {
		return err
	}
	if err := countQuotas(ctx); err != nil {
		return err
	}
	go func() {
		if err := mgr.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the manager ended:", err)
		}
	}()
	return nil
}

// testOptions say how the controllers of the tests work.
func testOptions() Options {
	return Options{
		BaseDomain:         baseDomain,
		Issuer:             Issuer{Name: "local-ca"},
		IngressClass:       "traefik",
		IngressAnnotations: map[string]string{"example.com/entrypoint": "websecure"},
		Namespace:          testenv.Namespace,
		KeysNamespace:      testenv.KeysNamespace,
		RouterNamespaces:   []string{"traefik"},
		RouterNetworks:     []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")},
		PublicHost:         publicHost,
		ReservedHosts:      []string{reservedDomain},
		HostHold:           time.Hour,
		Concurrency:        4,

		CertManagerNamespace: "cert-manager",
		NeverOrganizations:   []string{"never"},
	}
}

// testBase returns what a controller of a test's own needs to work beside the running ones.
func testBase(t *testing.T, c clock.PassiveClock) reconciler.Base {
	t.Helper()
	o := testOptions().withDefaults()
	return reconciler.Base{
		Client: cached, Live: uncached, Recorder: noEvents{}, Clock: c, Platform: o.platform(), Rules: o.rules(), Never: o.never(),
		Tokens: ecr.New(c), Rights: &sync.Map{}, Refusals: reconciler.NewRefusalLimiter(),
		Journal: &ssa.Journal{Recorder: noEvents{}},
	}
}

// traffic remembers requests.
type traffic struct {
	mu   sync.Mutex
	seen []*sentRequest
}

// sentRequest is one to the API server.
type sentRequest struct {
	method, path string
	answered     bool
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (t *traffic) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		made := &sentRequest{method: r.Method, path: r.URL.Path}
		t.mu.Lock()
		t.seen = append(t.seen, made)
		t.mu.Unlock()
		defer func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			made.answered = true
		}()
		return next.RoundTrip(r)
	})
}

// watched are the resources that are listed and watched in each organization.
var watched = []string{"secrets", "deployments", "replicasets", "pods"}

// in returns the requests for objects of a Namespace, in their order, but not those that report events or watch its Secrets and Pods, nor those that
// isolate it: they follow what other tests say of nodes.
func (t *traffic) in(namespace string) []string {
	requests, _ := t.look(namespace)
	return requests
}

// look returns the same, and whether all of them have been answered.
func (t *traffic) look(namespace string) (requests []string, answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	answered = true
	for _, r := range t.seen {
		_, object, ok := strings.Cut(r.path, "/namespaces/"+namespace+"/")
		if ok && !strings.HasPrefix(object, "events") && !strings.HasPrefix(object, "networkpolicies") && !slices.Contains(watched, object) {
			requests = append(requests, r.method+" "+object)
			answered = answered && r.answered
		}
	}
	return requests, answered
}
