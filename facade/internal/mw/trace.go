package mw

import (
	"net/http"
	"net/netip"
	"slices"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/internal/tracing"
)

// Trace makes a span of each request for a route, which is named by the template of the route. It is in the trace that the request names if one
// of the proxies sent it. Anybody else's word decides neither whether a trace is kept nor what else is found in it: theirs is a trace of its own,
// with a link to the one that they name. A span has nothing in it that a client has made up but the id of its trace.
func Trace(tracer trace.Tracer, proxies []netip.Prefix) gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if route == "" {
			return
		}
		ctx := c.Request.Context()
		options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(c.Request.Method),
			semconv.HTTPRoute(route),
			attribute.String("berth.request_id", requestid.FromContext(ctx)),
		)}
		if remote := named(c.Request); sentBy(c.Request, proxies) {
			ctx = trace.ContextWithRemoteSpanContext(ctx, remote)
		} else if remote.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: remote}))
		}
		ctx, span := tracer.Start(ctx, c.Request.Method+" "+route, options...)
		defer func() {
			tracing.Answered(span, c.Writer.Status(), http.StatusInternalServerError)
			span.End()
		}()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// named is the span that a request says it is part of. What else it says of that, in tracestate, is text of the client's own, which would go into
// each span and on to the API server.
func named(r *http.Request) trace.SpanContext {
	ctx := tracing.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return trace.SpanContextFromContext(ctx).WithTraceState(trace.TraceState{})
}

// sentBy tells whether a request's connection comes from one of these networks.
func sentBy(r *http.Request, networks []netip.Prefix) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(from.Addr().Unmap()) })
}
