package fuzz

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

const (
	baseDomain = "apps.example.com"
	// orgOne and orgTwo are the organizations.
	orgOne = "fuzz-one"
	orgTwo = "fuzz-two"
)

// Whose API keys there are.
const (
	keyManager     = "a manager of " + orgOne
	keyContributor = "a contributor of " + orgOne
	keyOther       = "a manager of " + orgTwo
	keyHost        = "host staff"
	keyUnknown     = "nobody known"
)

// suite is what all tests of the package share: a facade on a real API server, called over TLS.
var suite struct {
	// url is where the facade answers, without a path.
	url string
	// dir is the folder with its certificate; roots have signed that.
	dir   string
	roots *x509.CertPool
	// keys are the tokens of API keys, by whose they are.
	keys map[string]string
	// cluster is an administrator's client, without a cache.
	cluster client.Client
	// log is everything that the facade logged.
	log *testlog.Buffer
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run runs the tests, with a folder for the facade's certificate as long as they last.
func run(m *testing.M) int {
	var err error
	if suite.dir, err = os.MkdirTemp("", "berth-fuzz-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(suite.dir) }() // It lies where what is temporary does.
	return testenv.Run(m, setup)
}

func setup(ctx context.Context, config *rest.Config) error {
	if err := v1alpha1.AddToScheme(clientgoscheme.Scheme); err != nil {
		return err
	}
	var err error
	if suite.cluster, err = client.New(config, client.Options{}); err != nil {
		return err
	}
	if err := testenv.InstallRights(ctx, config); err != nil {
		return err
	}
	// Or the server may log that a policy is not enforced, which the tests take for a failure.
	if err := testenv.AwaitPolicies(ctx, config); err != nil {
		return err
	}
	for _, name := range []string{orgOne, orgTwo} {
		if err := newOrganization(ctx, name); err != nil {
			return err
		}
	}
	if err := newKeys(ctx); err != nil {
		return err
	}
	if config, err = testenv.ServiceAccount(ctx, config, rbac.ServiceAccountFacade); err != nil {
		return err
	}
	return serve(ctx, config)
}

func newOrganization(ctx context.Context, name string) error {
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := testenv.Organize(ctx, suite.cluster, org, "external-id-of-"+name); err != nil {
		return err
	}
	return testenv.GrantIn(ctx, suite.cluster, name)
}

func newKeys(ctx context.Context) error {
	suite.keys = map[string]string{keyUnknown: apikey.Prefix + strings.Repeat("x", 40)}
	for name, spec := range map[string]apikey.Spec{
		keyManager:     {Role: apikey.RoleManager, Organizations: []string{orgOne}},
		keyContributor: {Role: apikey.RoleContributor, Organizations: []string{orgOne}},
		keyOther:       {Role: apikey.RoleManager, Organizations: []string{orgTwo}},
		keyHost:        {Role: apikey.RoleHost},
	} {
		spec.Owner = "ann@example.com"
		key, token, err := apikey.New(spec)
		if err != nil {
			return err
		}
		suite.keys[name] = token
		if err := suite.cluster.Create(ctx, key.Secret(testenv.KeysNamespace)); err != nil {
			return err
		}
	}
	return nil
}

// serve runs a facade until ctx ends, and returns when it serves.
func serve(ctx context.Context, config *rest.Config) error {
	var err error
	if suite.roots, err = writeCertificate(suite.dir, "localhost"); err != nil {
		return err
	}
	certificate, err := certwatcher.New(filepath.Join(suite.dir, "tls.crt"), filepath.Join(suite.dir, "tls.key"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	health, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	suite.log = &testlog.Buffer{}
	// What net/http recovers from is told at this level.
	handler := slog.NewJSONHandler(suite.log, &slog.HandlerOptions{Level: slog.LevelDebug})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	server, err := facade.New(ctx, facade.Options{
		Config: config, Namespace: testenv.Namespace, BaseDomain: baseDomain, Mail: facade.Mail{From: "hello@example.com"},
		Listener: listener, HealthListener: health, Certificate: certificate,
		Log: slog.New(handler),
	})
	if err != nil {
		return err
	}
	go func() {
		if err := server.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the facade failed:", err)
		}
	}()
	suite.url = "https://" + listener.Addr().String()
	return poll(ctx, func() bool {
		return server.Ready() && knows(ctx, keyManager, orgOne) && knows(ctx, keyContributor, orgOne) && knows(ctx, keyOther, orgTwo)
	})
}

// knows tells whether the facade knows an API key and that it is for an organization.
func knows(ctx context.Context, key, organization string) bool {
	transport := newTransport(true)
	defer transport.CloseIdleConnections()
	status, _, err := get(ctx, transport, key, "/api/containers/"+organization+"/apps/")
	return err == nil && status == http.StatusOK
}

// getTimeout is how long get waits: far longer than any answer takes that waits for nothing.
const getTimeout = 10 * time.Second

// get asks the facade for something, and reads all of the answer. The error is also that this takes longer than getTimeout.
func get(ctx context.Context, transport *http.Transport, key, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, suite.url+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth(suite.keys[key], "")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// poll waits until done says true.
func poll(ctx context.Context, done func() bool) error {
	return wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return done(), nil })
}

// newTransport returns a transport to the facade, for HTTP/1.1 or HTTP/2, with connections of its own.
func newTransport(http2 bool) *http.Transport {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: suite.roots, ServerName: "localhost"}, ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 100,
	}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return transport
}
