package facade

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/signin/signintest"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testcontract"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

const (
	baseDomain = "apps.example.com"
	fromEmail  = "hello@example.com"
	keysSpace  = testenv.KeysNamespace
	// mailUser and mailPassword are the platform's login at its mail server.
	mailUser     = "platform"
	mailPassword = "password-of-the-platform"
)

// suite is what all tests of the package share: a server on a real API server, called over TLS.
var suite struct {
	server *Server
	// url is where the server answers, without a path; health where its probes do.
	url, health string
	// client calls the server; every answer is held against the contract.
	client *http.Client
	// transport is what client calls through, without the contract.
	transport *http.Transport
	// cluster is an administrator's client, without a cache.
	cluster client.Client
	// host is an API key of host staff.
	host string
	// log is everything that the server logged.
	log *testlog.Buffer
	// requests are what the server asked the API server for.
	requests *requestLog
	// certificates is the folder with the server's certificate.
	certificates string
	// mail is the platform's own mail server; custom is one that domains may name, on the same host.
	mail, custom *mailServer
	// identity is the provider that people sign in with.
	identity *signintest.Issuer
}

func TestMain(m *testing.M) { os.Exit(testenv.Run(m, setup)) }

func setup(ctx context.Context, config *rest.Config) error {
	var err error
	if suite.cluster, err = client.New(config, client.Options{Scheme: store.NewScheme()}); err != nil {
		return err
	}
	if err := testenv.InstallRights(ctx, config); err != nil {
		return err
	}
	if suite.host, err = newKey(ctx, apikey.RoleHost); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "facade")
	if err != nil {
		return err
	}
	roots, err := writeCertificate(dir, "localhost")
	if err != nil {
		return err
	}
	if suite.mail, err = startMailServer(filepath.Join(dir, "mail")); err != nil {
		return err
	}
	if suite.custom, err = startMailServer(filepath.Join(dir, "custom")); err != nil {
		return err
	}
	suite.certificates, suite.log, suite.requests = dir, &testlog.Buffer{}, &requestLog{}
	if config, err = testenv.ServiceAccount(ctx, config, rbac.ServiceAccountFacade); err != nil {
		return err
	}
	config.Wrap(suite.requests.wrap)
	if suite.identity, err = signintest.New("berth"); err != nil {
		return err
	}
	if suite.server, err = newServer(ctx, config, dir, suite.log, signingIn, observing); err != nil {
		return err
	}
	go func() {
		if err := suite.server.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the server failed:", err)
		}
	}()
	suite.url = "https://" + suite.server.options.Listener.Addr().String()
	suite.health = "http://" + suite.server.options.HealthListener.Addr().String()
	suite.transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	contract, err := testcontract.New(openAPI)
	if err != nil {
		return err
	}
	suite.client = &http.Client{Transport: contract.Transport(suite.transport), Timeout: time.Minute}
	return poll(ctx, suite.server.Ready)
}

// newServer makes a server with the certificate in dir; changes are made to its options.
func newServer(ctx context.Context, config *rest.Config, dir string, log io.Writer, changes ...func(*Options)) (*Server, error) {
	certificate, err := certwatcher.New(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return nil, err
	}
	listen := net.ListenConfig{}
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	health, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	options := Options{
		Config:     config,
		Namespace:  testenv.Namespace,
		KeyLimits:  KeyLimits{Life: apikey.DefaultMaxLife},
		BaseDomain: baseDomain,
		Hosts:      Hosts{Public: "berth.example.com", ClusterDomain: "corp.internal", Reserved: []string{"login.test"}},
		Mail: Mail{
			From: fromEmail, Host: mailHost, Port: suite.mail.port, User: mailUser, Password: mailPassword,
			Authorities: slices.Concat(suite.mail.authority, suite.custom.authority),
			Networks:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		},
		Listener:       listener,
		HealthListener: health,
		Certificate:    certificate.WithWatchInterval(100 * time.Millisecond),
		DrainDelay:     200 * time.Millisecond,
		Log:            slog.New(slog.NewJSONHandler(log, nil)),
	}
	for _, change := range changes {
		change(&options)
	}
	return New(ctx, options)
}

// poll waits until done says true.
func poll(ctx context.Context, done func() bool) error {
	return wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return done(), nil })
}

// eventually waits until done says true, and fails the test if it doesn't.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if err := poll(t.Context(), done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// newKey makes an API key and returns its token.
func newKey(ctx context.Context, role apikey.Role, organizations ...string) (string, error) {
	key, token, err := apikey.New(apikey.Spec{Owner: "ann@example.com", Role: role, Organizations: organizations})
	if err != nil {
		return "", err
	}
	return token, suite.cluster.Create(ctx, key.Secret(keysSpace))
}

// organization makes an organization with a name of its own and returns it with the token of one of its managers.
func organization(t *testing.T) (name, token string) {
	t.Helper()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{GenerateName: "org-"}}
	if err := testenv.Organize(t.Context(), suite.cluster, org, "external-id-of-the-organization"); err != nil {
		t.Fatal(err)
	}
	if err := testenv.GrantIn(t.Context(), suite.cluster, org.Name); err != nil {
		t.Fatal(err)
	}
	return org.Name, member(t, apikey.RoleManager, org.Name)
}

// member makes an API key for an organization, waits for the server to know both, and returns its token.
func member(t *testing.T, role apikey.Role, organization string) string {
	t.Helper()
	token, err := newKey(t.Context(), role, organization)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the organization and the key", func() bool {
		return call(t, token, http.MethodGet, appsPath(organization), nil).status == http.StatusOK
	})
	return token
}

func appsPath(organization string) string           { return "/api/containers/" + organization + "/apps/" }
func appPath(organization, app string) string       { return appsPath(organization) + app + "/" }
func domainsPath(organization string) string        { return "/api/domains/" + organization + "/" }
func domainPath(organization, domain string) string { return domainsPath(organization) + domain + "/" }

// answer is what the server answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json returns the answer's body as JSON decodes it.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	return decode[map[string]any](t, a)
}

// decode reads the answer's body as JSON.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(a.body, &value); err != nil {
		t.Fatalf("the answer %d %s is not what it should be: %v", a.status, a.body, err)
	}
	return value
}

// call calls the server with a JSON body, or none if it is nil.
func call(t *testing.T, token, method, path string, body any) answer {
	t.Helper()
	return callAt(t, suite.url, token, method, path, body)
}

// callAt calls the server at a URL so.
func callAt(t *testing.T, url, token, method, path string, body any) answer {
	t.Helper()
	if body == nil {
		return sendTo(t, url+path, token, method, "", nil)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return sendTo(t, url+path, token, method, "application/json", encoded)
}

// send calls the server with any body.
func send(t *testing.T, token, method, path, contentType string, body []byte) answer {
	t.Helper()
	return sendTo(t, suite.url+path, token, method, contentType, body)
}

func sendTo(t *testing.T, url, token, method, contentType string, body []byte) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.SetBasicAuth(token, "")
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := suite.client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: content}
}

// want fails the test unless the answer has this status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got the answer %d %s, want %d", a.status, strings.TrimSpace(string(a.body)), status)
	}
	return a
}
