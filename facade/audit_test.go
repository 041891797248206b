package facade

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

// auditLine is what the audit line about a write says.
type auditLine struct {
	Msg          string `json:"msg"`
	RequestID    string `json:"requestID"`
	Key          string `json:"key"`
	User         string `json:"user"`
	Owner        string `json:"owner"`
	Role         string `json:"role"`
	Verb         string `json:"verb"`
	Resource     string `json:"resource"`
	Organization string `json:"organization"`
	Name         string `json:"name"`
	Route        string `json:"route"`
	Remote       string `json:"remote"`
	Status       int    `json:"status"`
}

// linesAbout returns the lines of a log about a request, of which there is one at least.
func linesAbout(t *testing.T, log *testlog.Buffer, id string) []auditLine {
	t.Helper()
	var lines []auditLine
	eventually(t, "the request is logged", func() bool {
		lines = nil
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"requestID":"`+id+`"`) {
				lines = append(lines, decode[auditLine](t, answer{body: []byte(line)}))
			}
		}
		return len(lines) > 0
	})
	return lines
}

// marked is a body with a value at every depth that is found nowhere else.
func marked(t *testing.T, body any, marker string) []byte {
	t.Helper()
	members := map[string]any{}
	if raw, ok := body.(json.RawMessage); ok {
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatal(err)
		}
	}
	members["unknown"], members["from_email"] = marker, strings.ToLower(marker)+"@example.com"
	members["env"] = []any{variable("PASSWORD", marker)}
	members["email_host_user"], members["email_host_password"] = "ann", marker
	members["role_name"], members["external_id"] = "ann", marker
	encoded, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// sendMarked makes a call with a marker in its body, its query, a header and the password of its login, and returns the id and the status that
// it got. The suite's client holds no answer against the contract here: what is sent isn't all in it.
func sendMarked(t *testing.T, token, method, path string, body []byte, marker string) (id string, status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, suite.url+path+"?q="+marker, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.SetBasicAuth(token, marker)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", marker)
	response, err := suite.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.Header.Get("X-Request-Id"), response.StatusCode
}

// TestAudit says that each write has one line in the log, which says who did what to what from where, and no value.
func TestAudit(t *testing.T) {
	org, _ := organization(t)
	slug := "audit-" + strings.TrimPrefix(org, "org-")
	key, manager := newKeyOf(t, apikey.Spec{Owner: "ann@example.com", Role: apikey.RoleManager, Organizations: []string{org}})
	contributorKey, contributor := newKeyOf(t, apikey.Spec{Owner: "bob@example.com", Role: apikey.RoleContributor, Organizations: []string{org}})
	call(t, manager, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/shop:v1"}).want(t, http.StatusCreated)
	marker := rand.Text()
	routes := suite.server.routes()
	for _, c := range everyCall {
		if c.reads {
			continue
		}
		t.Run(c.method+c.path, func(t *testing.T) {
			path, body := fill(t, c.path, c.body, org, slug)
			for name, tc := range map[string]struct {
				token string
				want  auditLine
			}{
				"NoKey":       {want: auditLine{Status: http.StatusUnauthorized}},
				"UnknownKey":  {token: apikey.Prefix + marker, want: auditLine{Status: http.StatusUnauthorized}},
				"Contributor": {token: contributor, want: auditLine{Key: contributorKey.ID, Owner: "bob@example.com", Role: "contributor", Status: http.StatusForbidden}},
				"Manager":     {token: manager, want: auditLine{Key: key.ID, Owner: "ann@example.com", Role: "manager"}},
			} {
				id, status := sendMarked(t, tc.token, c.method, path, marked(t, body, marker), marker)
				want := tc.want
				if want.Key != "" {
					want.User = "berth:key:" + want.Key
				}
				if name == "Manager" {
					// The mail server refuses the password that was sent before.
					want.Status = status
					if status != c.want && !strings.HasSuffix(path, "/test-email/") {
						t.Errorf("the manager is answered %d", status)
					}
				}
				want.Msg, want.RequestID, want.Remote = "audit", id, "127.0.0.1"
				want.Route = strings.NewReplacer("ORG", ":org", "apps/APP", "apps/:app", "APP.example.org", ":domain", "APP", ":domain").Replace(c.path)
				want.Organization = org
				named := strings.Contains(want.Route, ":app") || strings.Contains(want.Route, ":domain")
				if named || status == http.StatusCreated && !strings.Contains(path, "test-email") {
					want.Name = slug
				}
				if strings.Contains(c.path, "APP.example.org") {
					want.Name = slug + ".example.org"
				}
				for _, r := range routes {
					if r.method == c.method && prefix+r.path+"/" == want.Route {
						want.Verb, want.Resource = r.verb, r.resource
					}
				}
				if diff := cmp.Diff([]auditLine{want}, linesAbout(t, suite.log, id)); diff != "" {
					t.Errorf("%s: -want, +got:\n%s", name, diff)
				}
			}
		})
	}
	wantNowhere(t, marker, manager, contributor)
	if traces := seen.traces.String(); strings.Contains(traces, key.ID) || strings.Contains(traces, contributorKey.ID) {
		t.Error("the traces name a key")
	}
}

// wantNowhere says that what a client sent is in nothing that the server tells others but its clients: neither in its log, nor in its spans, nor
// in its metrics. The last span that is sent has come.
func wantNowhere(t *testing.T, secrets ...string) {
	t.Helper()
	spansOf(t, call(t, "", http.MethodGet, "/api/openapi.json", nil).header.Get("X-Request-Id"))
	for name, text := range map[string]string{"log": suite.log.String(), "traces": seen.traces.String(), "metrics": fmt.Sprint(scrape(t))} {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
				t.Errorf("the %s has a value from a body, a query or a header", name)
			}
		}
	}
}

// TestAuditOfRefusals says that a write is told of however early it is refused, and a read is not one.
func TestAuditOfRefusals(t *testing.T) {
	org, key := organization(t)
	server, log := another(t, func(o *Options) { o.Limits = Limits{FailedLogins: 1, KeyRate: 0.01, KeyBurst: 3} })
	for name, tc := range map[string]struct {
		token  string
		header http.Header
		status int
	}{
		"OtherSite": {token: key, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: http.StatusForbidden},
		"NotFound":  {token: key, status: http.StatusNotFound},
	} {
		got := ask(t, server, tc.token, http.MethodDelete, appPath(org, "none"), tc.header).want(t, tc.status)
		lines := linesAbout(t, log, got.header.Get("X-Request-Id"))
		if len(lines) != 1 || lines[0].Msg != "audit" || lines[0].Status != tc.status || lines[0].Verb != "delete" || lines[0].Name != "none" {
			t.Errorf("%s: got %+v", name, lines)
		}
	}
	ask(t, server, "", http.MethodPost, appsPath(org), nil).want(t, http.StatusUnauthorized)
	got := ask(t, server, "", http.MethodPost, appsPath(org), nil).want(t, http.StatusTooManyRequests)
	if lines := linesAbout(t, log, got.header.Get("X-Request-Id")); len(lines) != 1 || lines[0].Status != 429 || lines[0].Verb != "create" || lines[0].User != "" {
		t.Errorf("too many failed logins: got %+v", lines)
	}
	for range 2 {
		got = ask(t, server, key, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK)
		if lines := linesAbout(t, log, got.header.Get("X-Request-Id")); len(lines) != 1 || lines[0].Msg != "request" {
			t.Errorf("a read: got %+v", lines)
		}
	}
	got = ask(t, server, key, http.MethodPost, appsPath(org), nil).want(t, http.StatusTooManyRequests)
	if lines := linesAbout(t, log, got.header.Get("X-Request-Id")); len(lines) != 1 || lines[0].Status != 429 || !strings.HasPrefix(lines[0].User, "berth:key:") {
		t.Errorf("a key that is used too often: got %+v", lines)
	}
	got = ask(t, server, key, http.MethodPost, "/api/elsewhere/", nil).want(t, http.StatusNotFound)
	if lines := linesAbout(t, log, got.header.Get("X-Request-Id")); len(lines) != 1 || lines[0].Msg != "request" {
		t.Errorf("what is no call at all: got %+v", lines)
	}
}

// TestAuditOfOthers says that a handler can name who acts and what on, where no API key and no route does, also for a write that fails.
func TestAuditOfOthers(t *testing.T) {
	log := &testlog.Buffer{}
	engine := newEngine(slog.New(requestid.Handler(slog.NewJSONHandler(log, nil))), routes{}.describe, nil)
	engine.POST("/elsewhere", func(c *gin.Context) {
		mw.Act(c, mw.Subject{User: "berth:person:ann@example.com", Owner: "ann@example.com"}, auth.Action{
			Verb: "create", Resource: "apikeys", Organization: "cowork", Name: "an-id",
		})
		web.Fail(c, apierr.Conflict("taken"))
	})
	engine.DELETE("/elsewhere", func(*gin.Context) { panic("the reason") })
	id := serve(t, engine, http.MethodPost, "/elsewhere").Header().Get("X-Request-Id")
	want := []auditLine{{
		Msg: "audit", RequestID: id, User: "berth:person:ann@example.com", Owner: "ann@example.com", Verb: "create", Resource: "apikeys",
		Organization: "cowork", Name: "an-id", Route: "/elsewhere", Remote: "192.0.2.1", Status: http.StatusConflict,
	}}
	if diff := cmp.Diff(want, linesAbout(t, log, id)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	id = serve(t, engine, http.MethodDelete, "/elsewhere").Header().Get("X-Request-Id")
	last := linesAbout(t, log, id)
	if got := last[len(last)-1]; got.Msg != "audit" || got.Status != http.StatusInternalServerError {
		t.Errorf("a write that failed: got %+v", got)
	}
}
