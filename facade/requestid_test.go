package facade

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/berth-dev/berth/internal/testing/testlog"
)

// auditIDs notes the ids that a server gives the API server with the requests that change something.
type auditIDs struct {
	mu   sync.Mutex
	seen []string
}

func (a *auditIDs) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if request.Method != http.MethodGet {
			a.mu.Lock()
			a.seen = append(a.seen, request.Header.Get("Audit-Id"))
			a.mu.Unlock()
		}
		return next.RoundTrip(request)
	})
}

func (a *auditIDs) has(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.seen, id)
}

// idsOf returns the ids of the audit line about a request, which contains a text that no other line does.
func idsOf(t *testing.T, log *testlog.Buffer, text string) (own, client string) {
	t.Helper()
	var line struct{ RequestID, ClientRequestID string }
	eventually(t, "the request is logged", func() bool {
		for entry := range strings.Lines(log.String()) {
			if strings.Contains(entry, `"msg":"audit"`) && strings.Contains(entry, text) {
				return json.Unmarshal([]byte(entry), &line) == nil
			}
		}
		return false
	})
	return line.RequestID, line.ClientRequestID
}

// TestAuditIDs says that the ids in the API server's audit log are the server's own, or those of a proxy that it trusts, and that a client finds its
// own in the answer and in the log.
func TestAuditIDs(t *testing.T) {
	org, key := organization(t)
	cases := map[string]struct {
		reason, sent, proxies string
		// own and client report whether what was sent is the id of the request, and the client's beside it.
		own, client bool
	}{
		"None":          {},
		"Client":        {reason: "Somebody could give many writes one id.", sent: "client-1:2_3.4", client: true},
		"Longest":       {sent: strings.Repeat("x", 64), client: true},
		"TooLong":       {reason: "The log keeps what is bounded.", sent: strings.Repeat("x", 65)},
		"Odd":           {sent: `"},{"level":"ERROR`},
		"OtherProxy":    {sent: "client-1", proxies: "192.0.2.0/24", client: true},
		"Proxy":         {reason: "The proxy's log has the same id.", sent: "proxy-1", proxies: "127.0.0.0/8", own: true},
		"ProxyWithout":  {proxies: "127.0.0.0/8"},
		"ProxyAndOdd":   {sent: "a b", proxies: "127.0.0.0/8"},
		"ProxyOverIPv6": {sent: "client-1", proxies: "fd00::/8", client: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ids := &auditIDs{}
			server, log := another(t, func(o *Options) {
				o.Config = rest.CopyConfig(o.Config)
				o.Config.Wrap(ids.wrap)
				if tc.proxies != "" {
					o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(tc.proxies)}
				}
			})
			header := http.Header{}
			if tc.sent != "" {
				header.Set("X-Request-Id", tc.sent)
			}
			answered := ask(t, server, key, http.MethodPost, appsPath(org), header).want(t, http.StatusBadRequest).header.Get("X-Request-Id")
			own, client := idsOf(t, log, `"organization":"`+org+`"`)
			if (own == tc.sent) != tc.own || own == "" {
				t.Errorf("\n%s\nthe id of the request: got %q", tc.reason, own)
			}
			if want := map[bool]string{true: tc.sent}[tc.client]; client != want {
				t.Errorf("\n%s\nthe client's id: got %q, want %q", tc.reason, client, want)
			}
			if want := map[bool]string{true: tc.sent, false: own}[tc.client || tc.own]; answered != want {
				t.Errorf("\n%s\nX-Request-Id: got %q, want %q", tc.reason, answered, want)
			}
			if !ids.has(own) || client != "" && ids.has(client) {
				t.Errorf("\n%s\nthe API server was asked under %q, not under %q", tc.reason, ids.seen, own)
			}
		})
	}
}
