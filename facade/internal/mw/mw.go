// Package mw is the middleware that every request passes: its id, the access log, recovery from panics and the limit of its body.
package mw

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/facade/internal/web"
)

// RequestID gives each request an id of the server's, and answers with that of the client, if it sent a sane one. The id that one of the proxies
// sends is the request's own.
func RequestID(proxies ...netip.Prefix) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, sent := c.Request.Context(), requestid.OfClient(c.GetHeader(requestid.Header))
		id := requestid.Of("")
		switch {
		case sent == "":
			sent = id
		case sentBy(c.Request, proxies):
			id = sent
		default:
			ctx = requestid.WithClient(ctx, sent)
		}
		c.Request = c.Request.WithContext(requestid.NewContext(ctx, id))
		c.Header(requestid.Header, sent)
	}
}

// Headers says on every answer that it is as private and as inert as it is: answers hold secrets, nothing of them is a script, and no page may
// show or load them. Pages have policies of their own, which take the place of this one.
func Headers() gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.Header("X-Content-Type-Options", "nosniff")
		c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		c.Header("Cross-Origin-Resource-Policy", "same-origin")
	}
}

// StrictTransport has browsers that were answered over TLS use nothing else for the host, for as long as maxAge; it says nothing if that is 0.
// Hosts below it are not the facade's to decide about.
func StrictTransport(maxAge time.Duration) gin.HandlerFunc {
	value := "max-age=" + strconv.FormatInt(int64(maxAge/time.Second), 10)
	return func(c *gin.Context) {
		if maxAge > 0 && c.Request.TLS != nil { // Over plain HTTP, a browser has to ignore it (RFC 6797, section 8.1).
			c.Header("Strict-Transport-Security", value)
		}
	}
}

// CloseWhen has the client of each request open another connection for its next one while stopping says so: by "Connection: close", or over
// HTTP/2, where net/http makes that of it, by GOAWAY. A server that is about to end so loses its connections between two requests. Those that
// are left at its end are idle, and closing one of them can cross with a request.
func CloseWhen(stopping func() bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if stopping() {
			c.Header("Connection", "close")
		}
	}
}

// Log writes one line for each request, which the handler of log adds the request's id to. Neither the query nor a body nor a header is in it:
// they may hold secrets. What the client has made up in the line is cut, and lines about requests that anybody can send are bounded by Lines.
//
// The line about a write is the audit line, which says besides who did what to what; describe says what by the request's route. It takes the
// place of the other one, since it says the same and more: whoever counts requests reads both, and nothing is told twice.
//
// A request has its line also if its answer is broken off, which a panic does: what it has changed stays changed.
func Log(log *slog.Logger, describe func(*gin.Context) auth.Action) gin.HandlerFunc {
	return func(c *gin.Context) {
		start, whole := time.Now(), false
		defer func() {
			if logged(c) {
				logLine(c, log, start, whole, describe)
			}
		}()
		c.Next()
		whole = true
	}
}

// logLine writes the line about a request, which says whether its answer was broken off.
func logLine(c *gin.Context, log *slog.Logger, start time.Time, whole bool, describe func(*gin.Context) auth.Action) {
	status := c.Writer.Status()
	attributes := []slog.Attr{
		slog.String("method", cut(c.Request.Method)),
		slog.String("path", cut(c.Request.URL.Path)),
		slog.String("route", c.FullPath()),
		slog.Int("status", status),
		slog.Int("bytes", max(0, c.Writer.Size())),
		slog.Duration("duration", time.Since(start)),
		slog.String("remote", c.ClientIP()),
		slog.String("key", auth.FromContext(c.Request.Context()).ID),
	}
	if !whole {
		attributes = append(attributes, slog.Bool("aborted", true))
	}
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		if c.Request.Context().Err() == nil { // A client that went away before its answer is no failure of the server's.
			level = slog.LevelError
		}
		attributes = append(attributes, slog.String("error", c.Errors.String()))
	}
	if !writes(c) {
		log.LogAttrs(c.Request.Context(), level, "request", attributes...)
		return
	}
	log.LogAttrs(c.Request.Context(), level, "audit", append(attributes, audit(c, describe)...)...)
}

// Recover turns a panic into the answer 500 and a log line with its stack.
func Recover(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // A panic with this very value asks for the connection to be closed.
				panic(http.ErrAbortHandler)
			}
			log.ErrorContext(c.Request.Context(), "panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if c.Writer.Written() {
				// Half an answer is out: only breaking the connection tells the client that it isn't whole.
				panic(http.ErrAbortHandler)
			}
			web.Fail(c, apierr.Internal(fmt.Errorf("panic: %v", cause)))
		}()
		c.Next()
	}
}

// RefuseOtherSites refuses what a browser sends for the page of another site: it would add the key that its user once typed in, and a form is a
// body that the API takes. Clients that aren't browsers don't say which site they come from and are let through.
func RefuseOtherSites() gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			web.Fail(c, apierr.OtherSite())
		}
	}
}

// WhenReady answers 503 until ready says that there is something to serve from: an empty cache would say that nothing exists.
func WhenReady(ready func() bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !ready() {
			web.Fail(c, apierr.Unavailable(errors.New("the caches are not filled yet")))
		}
	}
}

// Head serves HEAD requests as GET requests whose body goes nowhere.
func Head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			// net/http still knows the request as HEAD by its own copy, and drops the body.
			r = r.WithContext(web.WithoutBody(r.Context()))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}
