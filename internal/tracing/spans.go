package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-dev/berth/internal/apicall"
)

// Child begins a span in that of a context. Without one that is recorded, it does nothing, and costs nothing.
func Child(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name, options...)
}

// Calls returns a transport to the API server that makes a span of each request that belongs to one, up to the beginning of the answer, and
// tells the API server of it. Watches have none: they last.
func Calls(next http.RoundTripper) http.RoundTripper { return calls{next: next} }

type calls struct{ next http.RoundTripper }

func (c calls) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return c.next.RoundTrip(r)
	}
	call := apicall.Of(r)
	if call.Verb == "watch" {
		return c.next.RoundTrip(r)
	}
	ctx, span := Child(r.Context(), call.Verb+" "+call.Resource, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method),
		attribute.String("k8s.verb", call.Verb),
		attribute.String("k8s.resource", call.Resource),
		semconv.K8SNamespaceName(call.Namespace),
	))
	defer span.End()
	r = r.Clone(ctx) // A transport may not change what it is given.
	Propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	response, err := c.next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "no answer")
		return nil, err
	}
	Answered(span, response.StatusCode, http.StatusBadRequest)
	return response, nil
}

// Answered notes in a span which status a request was answered with, and that it failed from a status on.
func Answered(span trace.Span, status, failed int) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= failed {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
}
