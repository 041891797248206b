// Package tracing sends spans by OTLP, if the environment says where: the variables of the OpenTelemetry specification, OTEL_….
//
// Spans say what was done to which kind of object, how long it took and how it ended. Nothing of a body, a query, a header or an error's text is
// in them.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/berth-dev/berth/internal/version"
)

// Scope is the name that Berth's spans are made under.
const Scope = "github.com/berth-dev/berth"

// flushTimeout is how long the last spans may take to be sent when a command ends.
const flushTimeout = 5 * time.Second

// Propagator carries the trace from and to others by the header traceparent, and by tracestate. Baggage isn't carried: it could hold anything.
var Propagator propagation.TextMapPropagator = propagation.TraceContext{}

// Provider makes spans and sends them.
type Provider struct{ *sdktrace.TracerProvider }

// Start returns what makes and sends the spans of a service, or nil if the environment names no endpoint or turns that off. What goes wrong
// with sending is logged.
func Start(ctx context.Context, service string, log *slog.Logger) (*Provider, error) {
	if !wanted() {
		return nil, nil //nolint:nilnil // Nil is the Provider that makes none.
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceVersion(version.Of())),
		resource.WithFromEnv(), // It goes before what is above.
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces can't be sent", "error", err) }))
	return &Provider{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}, nil
}

// Tracer makes spans; nil for a nil Provider.
func (p *Provider) Tracer() trace.Tracer {
	if p == nil {
		return nil
	}
	return p.TracerProvider.Tracer(Scope)
}

// Stop sends what hasn't been sent yet; that it can't be sent is logged, and makes no failure of an end. It does nothing for a nil Provider.
func (p *Provider) Stop(ctx context.Context) {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		otel.Handle(fmt.Errorf("send the last ones: %w", err))
	}
}

// wanted tells whether the environment wants spans to be sent.
func wanted() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")+os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// newExporter speaks the protocol that the environment names, HTTP if it names none.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	variable := "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	if os.Getenv(variable) == "" {
		variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	switch protocol := os.Getenv(variable); protocol {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	default:
		return nil, fmt.Errorf("%s is grpc or http/protobuf, not %q", variable, protocol)
	}
}
