package facade

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
)

// untrusted are the shares of organizations of which each may make so many requests, but for one that is trusted.
func untrusted() *shares {
	return newShares(func(_ context.Context, organization string) v1alpha1.Organization {
		perSecond := int32(1000)
		if organization == "trusted" {
			return v1alpha1.Organization{Spec: v1alpha1.OrganizationSpec{Trusted: new(true)}}
		}
		return v1alpha1.Organization{Spec: v1alpha1.OrganizationSpec{Limits: &v1alpha1.OrganizationLimits{RequestsPerSecond: &perSecond}}}
	})
}

func wantBusy(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*apierr.Error](err); !ok || e.Status != http.StatusTooManyRequests || e.Header.Get("Retry-After") == "" {
		t.Errorf("got %v, want a 429", err)
	}
}

// TestFullPages says that of many of the largest pages, no more are sent at the same time than are complete before the server gives up.
func TestFullPages(t *testing.T) {
	const full, largest = 64 << 20, 1 << 20
	s := untrusted()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	if err := s.reserve(ctx, "acme", largest, full); err != nil {
		t.Fatal(err)
	}
	for range 7 {
		wantBusy(t, s.reserve(ctx, "acme", largest, full))
	}
	if err := s.reserve(ctx, "acme", largest, largest); err != nil {
		t.Errorf("beside a full page, an app is refused: %v", err)
	}
	if err := s.reserve(ctx, "rival", largest, full); err != nil {
		t.Errorf("the page of another organization is refused: %v", err)
	}
	if at := time.Duration(maxUnsent/bytesPerSecond)*time.Second + patience; at > writeTimeout/2 {
		t.Errorf("the last answer is complete after %s, which leaves its client too little of %s", at, writeTimeout)
	}
	end()
	eventually(t, "there is room for the next page", func() bool { return s.reserve(t.Context(), "acme", largest, full) == nil })
}

// TestAnswersInMemory says that what clients don't read takes no more memory than the share of their organization, nor than that of all.
func TestAnswersInMemory(t *testing.T) {
	const large = 1 << 20
	s := untrusted()
	total := 0
	for i := range 40 {
		organization := fmt.Sprintf("org-%d", i)
		if i == 0 {
			organization = "trusted"
		}
		held := 0
		for s.reserve(t.Context(), organization, large, large) == nil {
			held++
		}
		if held > maxAnswers/large || i < 3 && held == 0 {
			t.Errorf("%s has %d answers in memory", organization, held)
		}
		total += held
		if err := s.reserve(t.Context(), fmt.Sprintf("late-%d", i), 100, 100); i < 10 && err != nil {
			t.Errorf("after %d organizations, a small answer is refused: %v", i, err)
		}
	}
	if total*large > allAnswers {
		t.Errorf("%d answers are in memory", total)
	}
}

// TestPaceOfAnswers says that an organization which was sent very much has to wait, that others don't, and that a trusted one never does.
func TestPaceOfAnswers(t *testing.T) {
	s := untrusted()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/:org", s.bound, func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 20<<20)) })
	for organization, waits := range map[string]bool{"acme": true, "trusted": false} {
		for range 3 {
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+organization, http.NoBody))
		}
		err := s.turn(t.Context(), organization, time.Second)
		if !waits && err != nil {
			t.Errorf("%s: %v", organization, err)
		}
		if waits {
			wantBusy(t, err)
		}
	}
	if err := s.turn(t.Context(), "rival", 0); err != nil {
		t.Errorf("another organization waits: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := s.turn(gone, "acme", time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that is gone: got %v", err)
	}
}

// largeEnv returns the body of a change to nearly the largest environment.
func largeEnv() map[string]any {
	variables := make([]any, 0, 8)
	for i := range 8 {
		variables = append(variables, map[string]any{"name": fmt.Sprintf("V%d", i), "value": strings.Repeat("v", 112_000)})
	}
	return map[string]any{"env": variables}
}

// unread sends a request and reads the beginning of the answer only, until the function that it returns is called.
func unread(t *testing.T, key, path string) (leave func()) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, suite.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	config := suite.transport.TLSClientConfig.Clone()
	config.NextProtos = nil // HTTP/1.1
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, begin); err != nil || !bytes.HasSuffix(begin, []byte("200")) {
		t.Fatalf("the answer begins with %q, %v", begin, err)
	}
	return func() { _ = conn.Close() }
}

// TestWritesAreAnswered says that a write which cannot be answered is not made, and that one which was made is answered; and that clients which don't
// read their answers are in the way of nothing but large answers of their own organization.
func TestWritesAreAnswered(t *testing.T) {
	org, slug, key := loggingApp(t)
	limitRequests(t, org, 1000, 1)
	call(t, key, http.MethodPut, appPath(org, slug), largeEnv()).want(t, http.StatusOK)
	small := "small-" + slug[5:]
	call(t, key, http.MethodPost, appsPath(org), newApp(small, env("a", 10))).want(t, http.StatusCreated)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	for suite.server.shares.reserve(ctx, org, 900_000, 900_000) == nil { // As clients do that read nothing.
		continue
	}
	before := appOf(t, org, slug)
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		wantWait(t, call(t, key, method, appPath(org, slug), map[string]any{"location": "registry.example.com/shop:v2"}))
	}
	wantWait(t, call(t, key, http.MethodGet, appPath(org, slug), nil))
	wantWait(t, call(t, key, http.MethodGet, appsPath(org), nil))
	if after := appOf(t, org, slug); after.ResourceVersion != before.ResourceVersion {
		t.Error("a change that was refused is made")
	}
	call(t, key, http.MethodGet, appPath(org, small), nil).want(t, http.StatusOK)
	call(t, key, http.MethodPut, appPath(org, small), env("b", 10)).want(t, http.StatusOK)
	end()
	eventually(t, "there is room again", func() bool {
		return call(t, key, http.MethodGet, appPath(org, slug), nil).status == http.StatusOK
	})
	call(t, key, http.MethodPut, appPath(org, slug), map[string]any{"location": "registry.example.com/shop:v2"}).want(t, http.StatusOK)
}

// TestUnreadAnswers says that the memory for answers is taken while clients don't read them, and given back when they go.
func TestUnreadAnswers(t *testing.T) {
	org, slug, key := loggingApp(t)
	call(t, key, http.MethodPut, appPath(org, slug), largeEnv()).want(t, http.StatusOK)
	for i := range 9 { // More than is on the way between a server and a client.
		call(t, key, http.MethodPost, appsPath(org), newApp(fmt.Sprintf("%s-%d", slug, i), largeEnv())).want(t, http.StatusCreated)
	}
	room := func() int {
		var held []func()
		for {
			release, ok := suite.server.shares.answers.Take(org, 900_000, maxAnswers)
			if !ok {
				break
			}
			held = append(held, release)
		}
		for _, release := range held {
			release()
		}
		return len(held)
	}
	const all = maxAnswers / 900_000
	eventually(t, "nothing is held", func() bool { return room() == all })
	leave := unread(t, key, appsPath(org))
	if got := room(); got >= all {
		t.Errorf("beside a page that isn't read, there is room for %d answers of %d", got, all)
	}
	leave()
	eventually(t, "what the page held is given back", func() bool { return room() == all })
}

// TestFurtherHosts says which bodies that cannot be read have no hosts, and which are an error: a certificate must not lack hosts that were asked for.
func TestFurtherHosts(t *testing.T) {
	busy := apierr.Busy("Busy.", time.Second)
	for name, tc := range map[string]struct {
		contentType string
		body        io.Reader
		status      int
	}{
		"Empty":         {body: http.NoBody},
		"Text":          {contentType: "text/plain", body: strings.NewReader("hosts")},
		"NoType":        {body: strings.NewReader("{}")},
		"BadForm":       {contentType: "application/x-www-form-urlencoded", body: strings.NewReader("%zz")},
		"JSON":          {contentType: "application/json", body: strings.NewReader("{}")},
		"BadJSON":       {contentType: "application/json", body: strings.NewReader("{"), status: http.StatusBadRequest},
		"Busy":          {contentType: "text/plain", body: iotest.ErrReader(busy), status: http.StatusTooManyRequests},
		"BusyForm":      {contentType: "application/x-www-form-urlencoded", body: iotest.ErrReader(busy), status: http.StatusTooManyRequests},
		"BusyJSON":      {contentType: "application/json", body: iotest.ErrReader(busy), status: http.StatusTooManyRequests},
		"BrokenOff":     {contentType: "application/x-www-form-urlencoded", body: iotest.ErrReader(io.ErrUnexpectedEOF), status: http.StatusBadRequest},
		"BrokenOffText": {contentType: "text/plain", body: iotest.ErrReader(io.ErrUnexpectedEOF), status: http.StatusBadRequest},
		"TooLarge":      {contentType: "text/plain", body: iotest.ErrReader(&http.MaxBytesError{}), status: http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", tc.body)
			r.Header.Set("Content-Type", tc.contentType)
			hosts, err := furtherHosts(r)
			status := 0
			if e, ok := errors.AsType[*apierr.Error](err); ok {
				status = e.Status
			}
			if len(hosts) > 0 || status != tc.status || status == 0 && err != nil {
				t.Errorf("got %v, %v, want the status %d", hosts, err, tc.status)
			}
		})
	}
}
