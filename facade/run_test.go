package facade

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/internal/testenv"
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
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // Which certificate it is is the question.
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := name(); got != "before.example.com" {
		t.Fatalf("got the certificate of %s", got)
	}
	if _, err := writeCertificate(dir, "after.example.com"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate is served", func() bool { return name() == "after.example.com" })
}

func TestOldTLS(t *testing.T) {
	_, err := tls.Dial("tcp", strings.TrimPrefix(suite.url, "https://"), &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true}) //nolint:gosec // It is to be refused.
	if err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// TestStop says that a server that is told to stop says so first, serves what it is serving, ends what would never end, and returns.
func TestStop(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print("web", 1, "one")
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
	response, err := http.Get("http://" + server.options.HealthListener.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a server that stops: got %d", response.StatusCode)
	}
	f.wantEnd(t)
	<-stopped
	if conn, err := net.DialTimeout("tcp", server.options.Listener.Addr().String(), time.Second); err == nil {
		conn.Close()
		t.Error("the server still takes connections")
	}
}

// running runs another server; stop ends it and fails the test if it didn't end well.
func running(t *testing.T, certificates string) (server *Server, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := newServer(ctx, testenv.Config(), certificates, &lockedBuffer{})
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

// TestBeforeCachesAreFull says that a server that knows nothing yet says so, rather than that nothing exists.
func TestBeforeCachesAreFull(t *testing.T) {
	server, err := newServer(t.Context(), testenv.Config(), suite.certificates, &lockedBuffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.options.Listener.Close(), server.options.HealthListener.Close()); err != nil {
			t.Error(err)
		}
	})
	got := serve(server.handler(), http.MethodGet, appsPath("cowork"))
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" {
		t.Errorf("got %d %s, want a 503 that says when to come back", got.Code, got.Body)
	}
}

// TestPanic says that a mistake of the server's is a 500 that tells nothing but where to look.
func TestPanic(t *testing.T) {
	log := &lockedBuffer{}
	engine := newEngine(slog.New(slog.NewJSONHandler(log, nil)))
	engine.GET("/panic", func(*gin.Context) { panic("the reason") })
	got := serve(engine, http.MethodGet, "/panic")
	if got.Code != http.StatusInternalServerError || strings.Contains(got.Body.String(), "reason") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if !strings.Contains(log.String(), "the reason") || !strings.Contains(log.String(), got.Header().Get("X-Request-Id")) {
		t.Errorf("the log doesn't tell the reason under the request's id: %s", log)
	}
}

func serve(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	return recorder
}
