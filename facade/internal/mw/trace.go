package mw

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-dev/berth/facade/internal/requestid"
	"github.com/berth-dev/berth/internal/tracing"
)

// Trace makes a span of each request for a route, in the trace that the client says, which is named by the template of the route. It has
// nothing in it that a client has made up but the ids of the request and of the trace.
func Trace(tracer trace.Tracer) gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if route == "" {
			return
		}
		ctx := tracing.Propagator.Extract(c.Request.Context(), propagation.HeaderCarrier(c.Request.Header))
		// The rest, which is text of the client's own, would go into each span and on to the API server.
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.SpanContextFromContext(ctx).WithTraceState(trace.TraceState{}))
		ctx, span := tracer.Start(ctx, c.Request.Method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(c.Request.Method),
			semconv.HTTPRoute(route),
			attribute.String("berth.request_id", requestid.FromContext(ctx)),
		))
		defer func() {
			tracing.Answered(span, c.Writer.Status(), http.StatusInternalServerError)
			span.End()
		}()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}
