package mw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/auth"
)

// logger is an engine that logs, with what it has logged.
type logger struct {
	text    bytes.Buffer
	engine  *gin.Engine
	lines   *Lines
	counted int
	// tell ends the pause after the first omitted line; nil if there is none.
	tell func()
}

// newLogger returns one whose Lines allows so many lines a second. Whoever sends the header User is known, and is refused with the status that the
// header Status names.
func newLogger(t *testing.T, perSecond float64) *logger {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	l := &logger{engine: gin.New()}
	log := slog.New(slog.NewJSONHandler(&l.text, nil))
	if l.lines = NewLines(log, perSecond, func() { l.counted++ }); l.lines != nil {
		l.lines.after = func(_ time.Duration, tell func()) *time.Timer {
			if l.tell != nil {
				t.Error("two times to tell what was omitted")
			}
			l.tell = func() { l.tell = nil; tell() }
			return nil
		}
	}
	if err := l.engine.SetTrustedProxies([]string{"192.0.2.0/24"}); err != nil { // The address of httptest's requests.
		t.Fatal(err)
	}
	describe := func(c *gin.Context) auth.Action { return auth.ActionOf(c, "patch", "apps") }
	l.engine.Use(BoundLines(l.lines), Log(log, describe), func(c *gin.Context) {
		if id := c.GetHeader("Key"); id != "" {
			c.Request = c.Request.WithContext(auth.NewContext(c.Request.Context(), auth.Principal{ID: id, User: "berth:key:" + id}))
		}
		if address := c.GetHeader("Person"); address != "" {
			Act(c, Subject{User: address}, auth.Action{})
		}
		if c.GetHeader("Limited") != "" {
			c.AbortWithStatus(http.StatusTooManyRequests)
		}
	})
	l.engine.POST("/organizations/:org/apps/:app", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	l.engine.GET("/organizations/:org/apps/:app", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	return l
}

// send sends a request and returns the lines about it.
func (l *logger) send(t *testing.T, method, path string, header ...string) []map[string]any {
	t.Helper()
	l.text.Reset()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Method, r.URL.Path = method, path
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	l.engine.ServeHTTP(httptest.NewRecorder(), r)
	return l.read(t)
}

func (l *logger) read(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(l.text.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, members)
	}
	return lines
}

// TestLines says which lines are bounded, by whom they are counted, and that the log tells how many there were.
func TestLines(t *testing.T) {
	const app, nothing = "/organizations/acme/apps/shop", "/nothing"
	cases := map[string]struct {
		reason       string
		method, path string
		header       []string
		bounded      bool
	}{
		"NoKey":         {method: http.MethodGet, path: app, bounded: true},
		"NoKeyWrites":   {reason: "Anybody can send this too.", method: http.MethodPost, path: app, bounded: true},
		"NoRoute":       {method: http.MethodGet, path: nothing, bounded: true},
		"NoMethod":      {method: http.MethodDelete, path: app, bounded: true},
		"Key":           {method: http.MethodGet, path: app, header: []string{"Key", "one"}},
		"KeyWrites":     {method: http.MethodPost, path: app, header: []string{"Key", "one"}},
		"KeyOverLimit":  {reason: "The answer is cheap.", method: http.MethodPost, path: app, header: []string{"Key", "one", "Limited", "1"}, bounded: true},
		"Person":        {method: http.MethodPost, path: app, header: []string{"Person", "ann@example.com"}},
		"PersonTooFast": {method: http.MethodPost, path: app, header: []string{"Person", "ann@example.com", "Limited", "1"}, bounded: true},
		"AddressLimit":  {method: http.MethodGet, path: app, header: []string{"Limited", "1"}, bounded: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLogger(t, 0.01) // At once, that is one line of a caller.
			if got := len(l.send(t, tc.method, tc.path, tc.header...)); got != 1 {
				t.Fatalf("\n%s\nthe first request has %d lines", tc.reason, got)
			}
			for range 3 {
				if got := len(l.send(t, tc.method, tc.path, tc.header...)) == 0; got != tc.bounded {
					t.Fatalf("\n%s\na further request is omitted: %t, want %t", tc.reason, got, tc.bounded)
				}
			}
			if !tc.bounded {
				return
			}
			l.text.Reset()
			l.tell()
			told := l.read(t)
			if l.counted != 3 || len(told) != 1 || told[0]["msg"] != "requests not logged" || told[0]["count"] != 3.0 {
				t.Errorf("\n%s\n%d are counted, want 3; the log tells %v", tc.reason, l.counted, told)
			}
			l.send(t, tc.method, tc.path, tc.header...)
			if l.tell == nil || l.counted != 4 {
				t.Error("what is omitted later is not told")
			}
		})
	}
}

// TestLinesOfOthers says that a caller does not use up the lines of the others, and that all of them together are bounded.
func TestLinesOfOthers(t *testing.T) {
	l := newLogger(t, 1) // At once, that is 3 lines of each and 30 of all.
	count := func(address string, requests int) (lines int) {
		for range requests {
			lines += len(l.send(t, http.MethodGet, "/nothing", "X-Forwarded-For", address))
		}
		return lines
	}
	if got := count("198.51.100.1", 100); got != 3 {
		t.Errorf("an address has %d lines, want 3", got)
	}
	if got := count("198.51.100.2", 3); got != 3 {
		t.Errorf("another address has %d lines of 3", got)
	}
	if got := count("2001:db8::1", 2) + count("2001:db8::2", 2); got != 3 {
		t.Errorf("a network of IPv6 has %d lines, want 3", got)
	}
	all := 9
	for i := range 100 {
		all += count(fmt.Sprintf("203.0.113.%d", i), 3)
	}
	if all < 30 || all > 100 { // One more comes in a second, of the more than 300 that there are.
		t.Errorf("all have %d lines, want 30", all)
	}
}

func TestLinesWithoutLimit(t *testing.T) {
	l := newLogger(t, 0)
	for range 100 {
		if got := len(l.send(t, http.MethodGet, "/nothing")); got != 1 {
			t.Fatalf("a request has %d lines", got)
		}
	}
}

// TestLongLines says that what a client makes up takes no more than its part of a line.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 30_000)
	for name, tc := range map[string]struct{ method, path string }{
		"NoRoute": {method: http.MethodGet, path: "/" + long},
		"Method":  {method: long, path: "/" + long},
		"Read":    {method: http.MethodGet, path: "/organizations/" + long + "/apps/" + long},
		"Audit":   {method: http.MethodPost, path: "/organizations/" + long + "/apps/" + long},
		"Runes":   {method: http.MethodGet, path: "/x" + strings.Repeat("é", 1000)},
		"Escaped": {method: http.MethodGet, path: "/" + strings.Repeat("\x01", 30_000)},
		"Invalid": {method: http.MethodGet, path: "/" + strings.Repeat("\xff", 30_000)},
	} {
		lines := newLogger(t, 0).send(t, tc.method, tc.path)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", name, len(lines))
		}
		for member, value := range lines[0] {
			if text, ok := value.(string); ok && (len(text) > 256 || !utf8.ValidString(text) || strings.Contains(text, "\ufffd")) {
				t.Errorf("%s: %s has %d bytes: %.20q…", name, member, len(text), text)
			}
		}
		if path, _ := lines[0]["path"].(string); name != "Invalid" && !strings.HasPrefix(tc.path, path) || path == "" {
			t.Errorf("%s: the path is %q", name, path)
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]int{"": 0, strings.Repeat("x", 256): 256, strings.Repeat("x", 257): 256, "x" + strings.Repeat("é", 200): 255} {
		if got := cut(text); !strings.HasPrefix(text, got) || len(got) != want {
			t.Error(cmp.Diff(text, got))
		}
	}
}
