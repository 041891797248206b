package facade

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWithoutSlash says that every call is served without its last slash as well, directly.
func TestWithoutSlash(t *testing.T) {
	org, key := organization(t)
	suffix := strings.TrimPrefix(org, "org-")
	body := map[string]any{"slug": "bare-" + suffix, "location": "example.com/shop:v1"}
	call(t, key, http.MethodPost, strings.TrimSuffix(appsPath(org), "/"), body).want(t, http.StatusCreated)
	for _, c := range everyCall {
		path, body := fill(t, c.path, c.body, org, "bare-"+suffix)
		call(t, key, c.method, strings.TrimSuffix(path, "/"), body).want(t, c.want)
	}
}

func TestOtherPaths(t *testing.T) {
	org, key := organization(t)
	cases := map[string]struct {
		method, path string
		status       int
		detail       string
	}{
		"Root":       {method: http.MethodGet, path: "/", status: http.StatusNotFound, detail: "Not found."},
		"Unknown":    {method: http.MethodGet, path: "/api/sites/", status: http.StatusNotFound, detail: "Not found."},
		"TwoSlashes": {method: http.MethodGet, path: appsPath(org) + "/", status: http.StatusNotFound, detail: "Not found."},
		"TooDeep":    {method: http.MethodGet, path: appPath(org, "a") + "logs/b/", status: http.StatusNotFound, detail: "Not found."},
		"DeleteAll":  {method: http.MethodDelete, path: appsPath(org), status: http.StatusMethodNotAllowed, detail: `Method "DELETE" not allowed.`},
		"Patch":      {method: http.MethodPatch, path: appPath(org, "a"), status: http.StatusMethodNotAllowed, detail: `Method "PATCH" not allowed.`},
		"PostLogs":   {method: http.MethodPost, path: appPath(org, "a") + "logs/", status: http.StatusMethodNotAllowed, detail: `Method "POST" not allowed.`},
		"NoSlashMethod": {
			method: http.MethodPatch,
			path:   strings.TrimSuffix(appPath(org, "a"), "/"),
			status: http.StatusMethodNotAllowed,
			detail: `Method "PATCH" not allowed.`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, tc.method, tc.path, nil).want(t, tc.status)
			if diff := cmp.Diff(map[string]any{"detail": tc.detail}, got.json(t)); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			if tc.status == http.StatusMethodNotAllowed && got.header.Get("Allow") == "" {
				t.Error("a 405 doesn't say what is allowed")
			}
		})
	}
}

func TestHead(t *testing.T) {
	org, key := organization(t)
	get := call(t, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, suite.url+appsPath(org), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	// HEAD isn't in the contract: HTTP says what it does.
	response, err := suite.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || len(body) > 0 || response.ContentLength != int64(len(get.body)) {
		t.Errorf("HEAD: got %d, %d bytes and the length %d; want 200, none and %d", response.StatusCode, len(body), response.ContentLength, len(get.body))
	}
}

func TestHeaders(t *testing.T) {
	for name, tc := range map[string]struct {
		id   string
		kept bool
	}{
		"Kept":     {id: "client-1:2_3.4", kept: true},
		"Made":     {},
		"TooLong":  {id: strings.Repeat("x", 65)},
		"Unwanted": {id: `"},{"level":"ERROR`},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, suite.url+"/api/openapi.json", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Request-Id", tc.id)
			response, err := suite.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got := response.Header.Get("X-Request-Id")
			if got == "" || (got == tc.id) != tc.kept {
				t.Errorf("X-Request-Id: sent %q, got %q", tc.id, got)
			}
			if response.ProtoMajor != 2 {
				t.Errorf("got %s, want HTTP/2", response.Proto)
			}
			if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options: got %q", got)
			}
			member := "requestID"
			if tc.kept {
				member = "clientRequestID"
			}
			eventually(t, "the request is logged under its id", func() bool { return strings.Contains(suite.log.String(), `"`+member+`":"`+got+`"`) })
		})
	}
}

func TestDocumentation(t *testing.T) {
	page := call(t, "", http.MethodGet, "/api/", nil).want(t, http.StatusOK)
	if !bytes.Contains(page.body, []byte("Create an app")) {
		t.Error("the page doesn't show the contract")
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("Content-Security-Policy: got %q", policy)
	}
	contract := call(t, suite.host, http.MethodGet, "/api/openapi.json", nil).want(t, http.StatusOK).json(t)
	if contract["openapi"] != "3.1.0" {
		t.Errorf("openapi: got %v", contract["openapi"])
	}
}

func TestProbes(t *testing.T) {
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := probe(t, suite.health+path); got != http.StatusOK {
			t.Errorf("GET %s: got %d", path, got)
		}
	}
}

// probe returns the status that a probe gets.
func probe(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// dial connects to the server's port, and says nothing.
func dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(suite.url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestPlainHTTP(t *testing.T) {
	for name, request := range map[string]string{
		"Get":       "GET /api/containers/cowork/apps/ HTTP/1.1\r\nHost: api\r\n\r\n",
		"LargePost": "POST / HTTP/1.1\r\nHost: api\r\nContent-Length: 500000\r\n\r\n" + strings.Repeat("x", 500000),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t)
			go func() { _, _ = io.WriteString(conn, request) }()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var body map[string]string
			if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusBadRequest || body["detail"] == "" || !response.Close {
				t.Errorf("got %d %v, close %t; want a 400 with detail that closes", response.StatusCode, body, response.Close)
			}
		})
	}
}

// TestSilentClient says that one who connects and says nothing keeps nobody else waiting.
func TestSilentClient(t *testing.T) {
	for range 20 {
		dial(t)
	}
	suite.client.CloseIdleConnections()
	start := time.Now()
	call(t, "", http.MethodGet, "/api/openapi.json", nil).want(t, http.StatusOK)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("another client waited %s", took)
	}
}

func TestForms(t *testing.T) {
	org, key := organization(t)
	slug := "forms-" + strings.TrimPrefix(org, "org-")
	want := map[string]any{
		"slug": slug, "dataset": "production", "location": "example.com/shop:v1", "role_name": "", "external_id": "external-id-of-the-organization",
		"env": []any{variable("B", "2"), variable("A", "x&y")}, "domain": slug + "." + baseDomain, "from_email": fromEmail,
	}
	form := url.Values{"slug": {slug}, "location": {"example.com/shop:v1"}, "env": {`[{"name": "B", "value": 2}, {"name": "A", "value": "x&y"}]`}}
	created := send(t, key, http.MethodPost, appsPath(org), "application/x-www-form-urlencoded", []byte(form.Encode()))
	if diff := cmp.Diff(want, created.want(t, http.StatusCreated).json(t)); diff != "" {
		t.Errorf("POST of a form: -want, +got:\n%s", diff)
	}

	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name, value := range map[string]string{"location": "example.com/shop:v2", "env[0]name": "C", "env[0]value": "3"} {
		if err := parts.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	want["location"], want["env"] = "example.com/shop:v2", []any{map[string]any{"name": "C", "value": "3"}}
	changed := send(t, key, http.MethodPost, appPath(org, slug), parts.FormDataContentType(), body.Bytes())
	if diff := cmp.Diff(want, changed.want(t, http.StatusCreated).json(t)); diff != "" {
		t.Errorf("POST of a multipart form: -want, +got:\n%s", diff)
	}
}
