package facade

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// metered has a server serve metrics, and returns a function that reads them.
func metered(t *testing.T, o *Options) func() testmetrics.Families {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.MetricsListener = listener
	return func() testmetrics.Families {
		return testmetrics.Scrape(t, "http://"+listener.Addr().String()+"/metrics")
	}
}

// handshake connects to a server, and fails if that closes the connection.
func handshake(t *testing.T, server *Server, protocols ...string) (*tls.Conn, error) {
	t.Helper()
	conn, err := dialTLS(t, server.options.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
	if err != nil {
		return nil, err
	}
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, errors.New("not a TLS connection")
	}
	return secure, nil
}

// TestConnectionsPerAddress says that an address that has as many connections as it may gets no further one before it closes one, and that
// metrics and log tell of it.
func TestConnectionsPerAddress(t *testing.T) {
	var read func() testmetrics.Families
	server, log := another(t, func(o *Options) { o.Edge.ConnectionsPerAddress = 3; read = metered(t, o) })
	var open []*tls.Conn
	for range 3 {
		conn, err := handshake(t, server)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	for range 2 {
		if _, err := handshake(t, server); err == nil {
			t.Error("there is one connection too many")
		}
	}
	metrics := read()
	if got := metrics.Value("berth_http_connections"); got != 3 {
		t.Errorf("%v connections are counted, want 3", got)
	}
	if got := metrics.Value("berth_http_connections_refused_total"); got != 2 {
		t.Errorf("%v refused connections are counted, want 2", got)
	}
	if got := strings.Count(log.String(), "connections refused"); got != 1 || !strings.Contains(log.String(), `"address":"127.0.0.1"`) {
		t.Errorf("the log tells %d times of refused connections, want once: %s", got, log)
	}
	if err := open[0].Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room for another connection", func() bool {
		conn, err := handshake(t, server)
		return err == nil && conn.Close() == nil
	})
}

// TestConnectionsOfProxies says that a trusted proxy may have any number of connections.
func TestConnectionsOfProxies(t *testing.T) {
	server, _ := another(t, func(o *Options) {
		o.Edge.ConnectionsPerAddress, o.TrustedProxies = 1, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	for range 5 {
		if _, err := handshake(t, server); err != nil {
			t.Error(err)
		}
	}
}

// TestConnectionsInAll says that a connection beyond the limit takes the place of an idle one, but not that of one with a request.
func TestConnectionsInAll(t *testing.T) {
	org, slug, key := loggingApp(t)
	var read func() testmetrics.Families
	server, log := another(t, func(o *Options) { o.Edge.Connections = 2; read = metered(t, o) })
	busy, err := handshake(t, server)
	if err != nil {
		t.Fatal(err)
	}
	begin := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer %s\r\n", appPath(org, slug), key) +
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
	if _, err := io.WriteString(busy, begin); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is under way", func() bool { return read().Value("berth_http_requests_in_flight") == 1 })
	for range 3 {
		idle, err := handshake(t, server)
		if err != nil {
			t.Fatal(err)
		}
		if got := probe(t, "http://"+server.options.HealthListener.Addr().String()+"/readyz"); got != http.StatusOK {
			t.Errorf("/readyz of a server without room: got %d", got)
		}
		if _, err := handshake(t, server); err != nil {
			t.Errorf("another connection: %v", err)
		}
		_ = idle.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := idle.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the idle connection is open: %v", err)
		}
	}
	if _, err := io.WriteString(busy, "}"); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the request that was under way: %v, %v", response, err)
	} else {
		_ = response.Body.Close()
	}
	if !strings.Contains(log.String(), "connections refused") {
		t.Errorf("the log does not tell of it: %s", log)
	}
}

// TestRefusals says that the log tells of every refused connection in the end, and not more often than once a minute.
func TestRefusals(t *testing.T) {
	var told []int
	var over func()
	r := &refusals{warn: func(_ string, count int) { told = append(told, count) }, after: func(pause time.Duration, then func()) *time.Timer {
		if pause != tellRefused {
			t.Errorf("the pause is %s", pause)
		}
		over = then
		return nil
	}}
	for i, step := range []struct {
		refused int
		over    bool
		want    []int
	}{
		{refused: 1, want: []int{1}},
		{refused: 3},
		{over: true, want: []int{3}},
		{over: true},
		{refused: 2, want: []int{1}},
		{over: true, want: []int{1}},
	} {
		for range step.refused {
			r.add("192.0.2.1")
		}
		if step.over {
			over()
		}
		if diff := cmp.Diff(step.want, told); diff != "" {
			t.Errorf("step %d: -want, +got:\n%s", i, diff)
		}
		told = nil
	}
}

// TestPlainHTTPWithLimits says that plain HTTP is answered under limits as it is without.
func TestPlainHTTPWithLimits(t *testing.T) {
	server, _ := another(t, func(o *Options) { o.Edge = Edge{Connections: 10, ConnectionsPerAddress: 10} })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.options.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: api\r\n\r\n"+strings.Repeat("x", 500_000))
	}()
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "served over HTTPS alone") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// TestStreams says how many requests a client is told that it may have under way over one connection of HTTP/2.
func TestStreams(t *testing.T) {
	conn, err := handshake(t, suite.server, "h2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame, err := framer.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the first frame is %v", frame)
	}
	if got, _ := settings.Value(http2.SettingMaxConcurrentStreams); got != 50 {
		t.Errorf("got %d streams, want 50", got)
	}
}

// TestFloodOfUnknown says that requests that anybody can send do not fill the log, whatever they look like, and that those of a key have their
// lines meanwhile.
func TestFloodOfUnknown(t *testing.T) {
	org, key := organization(t)
	var read func() testmetrics.Families
	server, log := another(t, func(o *Options) { o.Edge.AnonymousLines = 0.1; read = metered(t, o) })
	const requests = 50
	long := strings.Repeat("x", 20_000)
	for _, path := range []string{"/" + long, appPath(org, long), appsPath(org), "/profile/" + long, "/api/openapi.json"} {
		for _, token := range []string{"", apikey.Prefix + "unknown"} {
			for range requests / 10 {
				ask(t, server, token, http.MethodGet, path, nil)
				ask(t, server, token, http.MethodPost, path, nil)
			}
		}
	}
	if got := len(log.String()); got > 10_000 {
		t.Errorf("the log has %d bytes", got)
	}
	if got := read().Value("berth_http_requests_not_logged_total"); got < 2*requests-10 {
		t.Errorf("%v requests are counted that have no line, want nearly %d", got, 2*requests)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		got := ask(t, server, key, method, appPath(org, "none"), nil).want(t, http.StatusNotFound)
		linesAbout(t, log, got.header.Get("X-Request-Id"))
	}
}
