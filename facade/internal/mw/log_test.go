package mw

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/testing/testlog"
)

// TestAbortedWrite says that a write whose client goes away while it is answered has its audit line, which says so.
func TestAbortedWrite(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	text := &testlog.Buffer{}
	log := slog.New(slog.NewJSONHandler(text, nil))
	ended := make(chan struct{})
	engine := gin.New()
	engine.Use(func(c *gin.Context) { defer close(ended); c.Next() })
	engine.Use(Log(log, func(c *gin.Context) auth.Action { return auth.ActionOf(c, "patch", "apps") }), Recover(log))
	engine.PUT("/organizations/:org/apps/:app", web.Handle(http.StatusOK, func(*gin.Context) (any, error) {
		return web.JSON(func(write io.Writer) error {
			for {
				if _, err := io.WriteString(write, strings.Repeat("x", 1<<20)); err != nil {
					return err
				}
			}
		}), nil
	}))
	server := httptest.NewUnstartedServer(engine)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/organizations/acme/apps/shop", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil { // Over HTTP/2, this resets the stream.
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the request does not end")
	}
	for _, want := range []string{`"msg":"audit"`, `"name":"shop"`, `"status":200`, `"aborted":true`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %s: %s", want, text)
		}
	}
}

// TestLinesOfHandledWrites says that a write which has reached its handler has a line, however often it is answered 429.
func TestLinesOfHandledWrites(t *testing.T) {
	l := newLogger(t, 0.01) // At once, that is one line of a caller.
	busy := web.Handle(http.StatusOK, func(*gin.Context) (any, error) { return nil, apierr.TooManyRequests(time.Second) })
	l.engine.POST("/busy", busy)
	l.engine.GET("/busy", busy)
	for method, want := range map[string]int{http.MethodPost: 5, http.MethodGet: 1} {
		lines := 0
		for range 5 {
			lines += len(l.send(t, method, "/busy", "Key", method))
		}
		if lines != want {
			t.Errorf("5 requests %s have %d lines, want %d", method, lines, want)
		}
	}
}
