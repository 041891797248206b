// Package requestid gives each request an id that finds it everywhere: in the client's hands, in each line of the log, and in the audit log of
// the API server, which takes it for the id of what was asked of it for the request.
package requestid

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"

	"go.opentelemetry.io/otel/trace"
)

const (
	// Header carries the id from the client and back.
	Header = "X-Request-Id"
	// auditHeader carries it to the API server, which takes what a client says there for the id of the audit event.
	auditHeader = "Audit-ID"
)

// sane is what a client's own id may look like; it goes into logs and headers as it is. The API server keeps an id of any length in its audit
// log, but cuts those above 64 characters short wherever else it names them.
var sane = regexp.MustCompile(`^[-A-Za-z0-9_.:]{1,64}$`)

// Of returns the id of a request that was sent with one, or a new one if that isn't sane.
func Of(sent string) string {
	if sane.MatchString(sent) {
		return sent
	}
	return rand.Text()
}

type key struct{}

// NewContext returns a context of the request with this id.
func NewContext(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// FromContext returns the id of the request that a context is of; empty if of none.
func FromContext(ctx context.Context) string {
	id, _ := ctx.Value(key{}).(string)
	return id
}

// Audited returns a transport to the API server whose requests have the id of the request that they are made for.
func Audited(next http.RoundTripper) http.RoundTripper { return audited{next: next} }

type audited struct{ next http.RoundTripper }

func (a audited) RoundTrip(r *http.Request) (*http.Response, error) {
	if id := FromContext(r.Context()); id != "" {
		r = r.Clone(r.Context()) // A transport may not change what it is given.
		r.Header.Set(auditHeader, id)
	}
	return a.next.RoundTrip(r)
}

// Handler returns a handler of a log whose lines say which request, and which trace, they belong to.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, line slog.Record) error {
	if id := FromContext(ctx); id != "" {
		line.AddAttrs(slog.String("requestID", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		line.AddAttrs(slog.String("traceID", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs is that of the handler behind.
func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attributes)}
}

// WithGroup is that of the handler behind; what it groups, the ids included, comes into the group.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
