package facade

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

// another runs a second server beside the suite's until the test ends, with changes to its options, and returns it with its log.
func another(t *testing.T, changes ...func(*Options)) (*Server, *testlog.Buffer) {
	t.Helper()
	log := &testlog.Buffer{}
	logging := func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(log, nil)) }
	server, stop := running(t, suite.certificates, append(changes, logging)...)
	t.Cleanup(stop)
	eventually(t, "the server is ready", server.Ready)
	return server, log
}

// ask calls a server of the test's choice with a header, which may be nil.
func ask(t *testing.T, server *Server, token, method, path string, header http.Header) answer {
	t.Helper()
	url := "https://" + server.options.Listener.Addr().String() + path
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	if token != "" {
		request.SetBasicAuth(token, "")
	}
	response, err := suite.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: body}
}

// from is the header of a request that a proxy forwards.
func from(addresses ...string) http.Header { return http.Header{"X-Forwarded-For": addresses} }

// wantWait fails the test unless the answer is a 429 that says when to come back.
func wantWait(t *testing.T, got answer) {
	t.Helper()
	got.want(t, http.StatusTooManyRequests)
	if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After: got %q, want a number of seconds", got.header.Get("Retry-After"))
	}
}

// TestFailedLogins says that an address that sends many requests without a valid key is told to wait, whatever it says of itself, and that a
// valid key is served from there all the same.
func TestFailedLogins(t *testing.T) {
	org, key := organization(t)
	server, log := another(t, func(o *Options) { o.Limits.FailedLogins = 3 })
	path := appsPath(org)
	for i, token := range []string{"", "nonsense", apikey.Prefix + "unknown"} {
		ask(t, server, token, http.MethodGet, path, from("192.0.2."+strconv.Itoa(i))).want(t, http.StatusUnauthorized)
	}
	for i, token := range []string{"", "nonsense", apikey.Prefix + "unknown"} {
		wantWait(t, ask(t, server, token, http.MethodGet, path, from("192.0.2.10"+strconv.Itoa(i))))
	}
	for range 10 {
		ask(t, server, key, http.MethodGet, path, nil).want(t, http.StatusOK)
	}
	wantWait(t, ask(t, server, "", http.MethodPost, path, from("192.0.2.200")))
	if strings.Contains(log.String(), "192.0.2.") || !strings.Contains(log.String(), `"remote":"127.0.0.1"`) {
		t.Errorf("the log believes what a client says of its address: %s", log)
	}
}

// TestTrustedProxies says that behind a proxy each address has a budget of its own, which an IPv6 network shares.
func TestTrustedProxies(t *testing.T) {
	org, _ := organization(t)
	server, log := another(t, func(o *Options) {
		o.Limits.FailedLogins = 1
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("198.51.100.0/24")}
	})
	for _, tc := range []struct {
		reason string
		header http.Header
		want   int
	}{
		{reason: "The proxy says who.", header: from("192.0.2.1"), want: http.StatusUnauthorized},
		{reason: "The same again.", header: from("192.0.2.1"), want: http.StatusTooManyRequests},
		{reason: "Another address.", header: from("192.0.2.2"), want: http.StatusUnauthorized},
		{reason: "What stands before the proxy's word is the client's invention.", header: from("192.0.2.3, 192.0.2.1"), want: http.StatusTooManyRequests},
		{reason: "So it is in a header of its own.", header: from("192.0.2.4", "192.0.2.1"), want: http.StatusTooManyRequests},
		{reason: "Two proxies, one after the other.", header: from("192.0.2.5, 198.51.100.7"), want: http.StatusUnauthorized},
		{reason: "The address before both.", header: from("192.0.2.5"), want: http.StatusTooManyRequests},
		{reason: "IPv6.", header: from("2001:db8::1"), want: http.StatusUnauthorized},
		{reason: "Another address of the same network.", header: from("2001:db8::2"), want: http.StatusTooManyRequests},
		{reason: "Another network.", header: from("2001:db8:0:1::1"), want: http.StatusUnauthorized},
		{reason: "IPv4 within IPv6 is IPv4.", header: from("::ffff:192.0.2.1"), want: http.StatusTooManyRequests},
		{reason: "No other header counts.", header: http.Header{"X-Real-Ip": {"192.0.2.6"}}, want: http.StatusUnauthorized},
		{reason: "It is that of the connection again.", header: http.Header{"X-Real-Ip": {"192.0.2.7"}}, want: http.StatusTooManyRequests},
	} {
		if got := ask(t, server, "", http.MethodGet, appsPath(org), tc.header); got.status != tc.want {
			t.Errorf("%s %v: got %d, want %d", tc.reason, tc.header, got.status, tc.want)
		}
	}
	if !strings.Contains(log.String(), `"remote":"192.0.2.5"`) {
		t.Errorf("the log doesn't say which address a request came from: %s", log)
	}
}

// TestKeyLimit says that a key that makes too many requests is told to wait, and no other.
func TestKeyLimit(t *testing.T) {
	org, key := organization(t)
	other := member(t, apikey.RoleContributor, org)
	server, _ := another(t, func(o *Options) { o.Limits.KeyRate, o.Limits.KeyBurst = 0.01, 3 })
	for range 3 {
		ask(t, server, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
	}
	wantWait(t, ask(t, server, key, http.MethodGet, appsPath(org), nil))
	wantWait(t, ask(t, server, key, http.MethodPost, appsPath(org), nil))
	ask(t, server, other, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
}

// TestUnknownKeys says that nobody learns from an answer whether a key was ever known.
func TestUnknownKeys(t *testing.T) {
	org, manager := organization(t)
	revoked, revokedToken := newKeyOf(t, apikey.Spec{Role: apikey.RoleManager, Organizations: []string{org}})
	_, expiredToken := newKeyOf(t, apikey.Spec{Role: apikey.RoleManager, Organizations: []string{org}, Expires: time.Now().Add(-time.Hour)})
	if err := suite.server.store.RevokeKey(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	want := call(t, "", http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
	for name, token := range map[string]string{
		"Revoked": revokedToken, "Expired": expiredToken, "Unknown": apikey.Prefix + strings.Repeat("x", 40), "Malformed": "é:\x00",
		"Long": strings.Repeat("x", 10_000), "Truncated": manager[:len(manager)-1],
	} {
		got := call(t, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
		if diff := cmp.Diff(string(want.body), string(got.body)); diff != "" {
			t.Errorf("%s: the body differs from that without a key: %s", name, diff)
		}
		for _, header := range []http.Header{want.header, got.header} {
			header.Del("Date")
			header.Del("X-Request-Id")
		}
		if diff := cmp.Diff(want.header, got.header); diff != "" {
			t.Errorf("%s: the header differs from that without a key: %s", name, diff)
		}
	}
}
