package facade

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/testing/testlog"
)

const inert = "default-src 'none'; frame-ancestors 'none'"

// TestAnswersAreInert says that no page can show or load an answer of the API, whatever it is, and that pages keep their own policies.
func TestAnswersAreInert(t *testing.T) {
	org, key := organization(t)
	for name, tc := range map[string]struct {
		token, method, path string
		status              int
		pages               bool
	}{
		"List":         {token: key, method: http.MethodGet, path: appsPath(org), status: http.StatusOK},
		"Unauthorized": {method: http.MethodGet, path: appsPath(org), status: http.StatusUnauthorized},
		"BadRequest":   {token: key, method: http.MethodPost, path: appsPath(org), status: http.StatusBadRequest},
		"NotFound":     {token: key, method: http.MethodGet, path: "/", status: http.StatusNotFound},
		"NotAllowed":   {token: key, method: http.MethodDelete, path: appsPath(org), status: http.StatusMethodNotAllowed},
		"Contract":     {method: http.MethodGet, path: "/api/openapi.json", status: http.StatusOK},
		"Page":         {method: http.MethodGet, path: "/api/", status: http.StatusOK, pages: true},
		"Profile":      {method: http.MethodGet, path: "/profile/", status: http.StatusOK, pages: true},
		"NoProfile":    {method: http.MethodGet, path: "/profile/none", status: http.StatusNotFound, pages: true},
	} {
		request, err := http.NewRequestWithContext(t.Context(), tc.method, suite.url+tc.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("", tc.token)
		response, err := suite.transport.RoundTrip(request) // Pages are not in the contract.
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != tc.status {
			t.Errorf("%s: got %d, want %d", name, response.StatusCode, tc.status)
		}
		got := response.Header
		policy := got.Values("Content-Security-Policy")
		if len(policy) != 1 || (policy[0] == inert) == tc.pages || !strings.Contains(policy[0], "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy: got %q", name, policy)
		}
		if got := got.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
			t.Errorf("%s: Cross-Origin-Resource-Policy: got %q", name, got)
		}
	}
}

// TestStrictTransport says for how long answers over TLS, errors and pages included, bind browsers to it.
func TestStrictTransport(t *testing.T) {
	for name, tc := range map[string]struct {
		maxAge time.Duration
		want   string
	}{
		"Year":   {maxAge: 365 * 24 * time.Hour, want: "max-age=31536000"},
		"Second": {maxAge: 1500 * time.Millisecond, want: "max-age=1"},
		"Off":    {},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := another(t, func(o *Options) { o.HSTSMaxAge = tc.maxAge })
			for _, path := range []string{"/", "/api/", "/api/domains/", "/profile/", "/profile/none", "/api/openapi.json"} {
				if got := strings.Join(ask(t, server, "", http.MethodGet, path, nil).header.Values("Strict-Transport-Security"), "|"); got != tc.want {
					t.Errorf("%s: got %q, want %q", path, got, tc.want)
				}
			}
			got := httptest.NewRecorder()
			server.handler().ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/", http.NoBody))
			if header := got.Header().Get("Strict-Transport-Security"); header != "" {
				t.Errorf("without TLS: got %q", header)
			}
		})
	}
}

// TestPublicURLOfLinks says what the links between pages begin with.
func TestPublicURLOfLinks(t *testing.T) {
	org, key := organization(t)
	for i := range 2 {
		body := map[string]any{"slug": "links-" + strings.TrimPrefix(org, "org-") + string(rune('a'+i)), "location": "example.com/shop:v1"}
		call(t, key, http.MethodPost, appsPath(org), body).want(t, http.StatusCreated)
	}
	for public, want := range map[string]string{
		"":                                "https://evil.example.net",
		"https://berth.example.com":       "https://berth.example.com",
		"https://Berth.Example.com:8443/": "https://berth.example.com:8443",
		"https://bücher.example/":         "https://xn--bcher-kva.example",
	} {
		server, _ := another(t, func(o *Options) { o.PublicURL = public })
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, appsPath(org)+"?page_size=1&page=2", http.NoBody)
		request.Host = "evil.example.net"
		request.SetBasicAuth("", key)
		got := httptest.NewRecorder()
		eventually(t, "the server has both apps", func() bool {
			got = httptest.NewRecorder()
			server.handler().ServeHTTP(got, request)
			return got.Code == http.StatusOK
		})
		previous, _ := answer{body: got.Body.Bytes()}.json(t)["previous"].(string)
		if previous != want+appsPath(org)+"?page_size=1" {
			t.Errorf("with the public URL %q, previous is %s", public, previous)
		}
	}
	for _, public := range []string{
		"berth.example.com", "http://berth.example.com", "HTTP://berth.example.com", "ftp://berth.example.com", "https://", "https://[::1",
	} {
		log := slog.New(slog.NewJSONHandler(&testlog.Buffer{}, nil))
		if _, err := New(t.Context(), Options{BaseDomain: baseDomain, PublicURL: public, Config: suite.server.options.Config, Log: log}); err == nil {
			t.Errorf("New(...) with the public URL %q: no error", public)
		}
	}
}
