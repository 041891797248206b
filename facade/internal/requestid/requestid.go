// Package requestid gives each request an id that finds it in each line of the log and in the audit log of the API server, which takes it for the
// id of what was asked of it for the request. The id is the server's own: an audit log in which clients choose the ids proves nothing. The id that
// a client has chosen is beside it in the log.
package requestid

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"

	"go.opentelemetry.io/otel/trace"
)

const (
	// Header carries the client's id there and back; to a client that sends none, the server's.
	Header = "X-Request-Id"
	// auditHeader carries it to the API server, which takes what a client says there for the id of the audit event.
	auditHeader = "Audit-ID"
)

// sane is what a client's own id may look like; it goes into logs and headers as it is. The API server keeps an id of any length in its audit
// log, but cuts those above 64 characters short wherever else it names them.
var sane = regexp.MustCompile(`^[-A-Za-z0-9_.:]{1,64}$`)

// Of returns the id of a request that was sent with one which can be trusted, or a new one if that isn't sane.
func Of(sent string) string {
	return cmp.Or(OfClient(sent), rand.Text())
}

// OfClient returns the id that a client has sent with a request; empty if that isn't sane.
func OfClient(sent string) string {
	if sane.MatchString(sent) {
		return sent
	}
	return ""
}

type (
	key       struct{}
	clientKey struct{}
)

// NewContext returns a context of the request with this id.
func NewContext(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, key{}, id)
}

// WithClient returns a context of the request that its client has given this id.
func WithClient(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, clientKey{}, id)
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
	if id, _ := ctx.Value(clientKey{}).(string); id != "" {
		line.AddAttrs(slog.String("clientRequestID", id))
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
