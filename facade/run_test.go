package facade

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/internal/testing/testenv"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

// TestCertificateReload says that a new certificate is served as soon as its files have it, without a restart.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	if _, err := writeCertificate(dir, "before.example.com"); err != nil {
		t.Fatal(err)
	}
	server, stop := running(t, dir)
	defer stop()
	address := server.options.Listener.Addr().String()
	name := func() string {
		t.Helper()
		var names []string
		_, err := dialTLS(t, address, &tls.Config{
			InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) error {
				names = state.PeerCertificates[0].DNSNames
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return names[0]
	}
	if got := name(); got != "before.example.com" {
		t.Fatalf("got the certificate of %s", got)
	}
	if _, err := writeCertificate(dir, "after.example.com"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate is served", func() bool { return name() == "after.example.com" })
}

// dialTLS connects to an address, until the test ends.
func dialTLS(t *testing.T, address string, config *tls.Config) (net.Conn, error) {
	t.Helper()
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

func TestOldTLS(t *testing.T) {
	address := strings.TrimPrefix(suite.url, "https://")
	if _, err := dialTLS(t, address, &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// TestStop says that a server that is told to stop says so first, serves what it is serving, ends what would never end, and returns.
func TestStop(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web", 1, "one")
	server, stop := running(t, suite.certificates)
	eventually(t, "the server is ready", server.Ready)

	url := suite.url
	suite.url = "https://" + server.options.Listener.Addr().String()
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true")
	suite.url = url
	f.want(t, "one")
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	eventually(t, "the server says that it stops", func() bool { return !server.Ready() })
	if got := probe(t, "http://"+server.options.HealthListener.Addr().String()+"/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a server that stops: got %d", got)
	}
	f.wantEnd(t)
	<-stopped
	if _, err := dialTLS(t, server.options.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("the server still takes connections")
	}
}

// running runs another server, with changes to its options; the function ends it and fails the test if it didn't end well.
func running(t *testing.T, certificates string, changes ...func(*Options)) (*Server, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := newServer(ctx, testenv.Config(), certificates, &testlog.Buffer{}, changes...)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	return server, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run(...): %v", err)
		}
	}
}

// TestBadBaseDomain says that hosts are never compared with a domain in another writing than theirs.
func TestBadBaseDomain(t *testing.T) {
	for _, domain := range []string{"", "Apps.example.com", "apps.example.com.", "https://apps.example.com"} {
		if _, err := New(t.Context(), Options{BaseDomain: domain}); err == nil || !strings.Contains(err.Error(), "base domain") {
			t.Errorf("New(...) with the base domain %q: %v, want an error that names it", domain, err)
		}
	}
}

// TestBeforeCachesAreFull says that a server that knows nothing yet says so, rather than that nothing exists.
func TestBeforeCachesAreFull(t *testing.T) {
	server, err := newServer(t.Context(), testenv.Config(), suite.certificates, &testlog.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.options.Listener.Close(), server.options.HealthListener.Close()); err != nil {
			t.Error(err)
		}
	})
	got := serve(t, server.handler(), http.MethodGet, appsPath("cowork"))
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s, want a 503 that says when to come back", got.Code, got.Body)
	}
}

// TestPoliciesMissing says that a server is not ready while an admission policy is not in force, says which, and recovers.
func TestPoliciesMissing(t *testing.T) {
	const name = "berth-external-id"
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Name: name}, binding); err != nil {
		t.Fatal(err)
	}
	restored := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: binding.Spec}
	if err := suite.cluster.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	server, stop := running(t, suite.certificates)
	defer stop()
	readiness := func() string {
		response := httptest.NewRecorder()
		server.healthHandler().ServeHTTP(response, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
		return strconv.Itoa(response.Code) + " " + response.Body.String()
	}
	eventually(t, "the server names the binding", func() bool {
		return strings.Contains(readiness(), "503 policies: ValidatingAdmissionPolicyBinding "+name+" is missing. Apply config/admission")
	})
	if err := suite.cluster.Create(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is ready", func() bool { return strings.HasPrefix(readiness(), "200") })
}

// TestPanic says that a mistake of the server's is a 500 that tells nothing but where to look.
func TestPanic(t *testing.T) {
	log := &testlog.Buffer{}
	engine := newEngine(slog.New(requestid.Handler(slog.NewJSONHandler(log, nil))), routes{}.describe, nil)
	engine.GET("/panic", func(*gin.Context) { panic("the reason") })
	got := serve(t, engine, http.MethodGet, "/panic")
	if got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "reason") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if !strings.Contains(log.String(), "the reason") || !strings.Contains(log.String(), got.Header().Get("X-Request-Id")) {
		t.Errorf("the log doesn't tell the reason under the request's id: %s", log)
	}
}

func serve(t *testing.T, handler http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return recorder
}

// TestDrain says that a client that keeps its connection is sent to another one by a server that stops, rather than cut off between two requests.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, over2 := range map[string]bool{"HTTP1": false, "HTTP2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, stop := running(t, suite.certificates, func(o *Options) { o.DrainDelay = 3 * time.Second })
			eventually(t, "the server is ready", server.Ready)
			trusted := &tls.Config{RootCAs: suite.transport.TLSClientConfig.RootCAs, ServerName: "localhost"}
			transport := &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: over2}
			defer transport.CloseIdleConnections()
			get := func() (reused bool) {
				t.Helper()
				trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
				ctx := httptrace.WithClientTrace(t.Context(), trace)
				address := "https://" + server.options.Listener.Addr().String() + prefix + "/openapi.json"
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				response, err := transport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					t.Fatalf("got %d, %v", response.StatusCode, err)
				}
				return reused
			}
			get()
			if server.came.last.Load() == nil {
				t.Error("a connection came unnoticed")
			}
			if !get() {
				t.Error("a connection is used once")
			}
			var stopped sync.WaitGroup
			stopped.Go(stop)
			defer stopped.Wait()
			eventually(t, "the server says that it stops", func() bool { return !server.Ready() })
			if !get() {
				t.Error("the connection was closed while it may have been in use")
			}
			eventually(t, "the client uses another connection", func() bool { return !get() })
		})
	}
}
