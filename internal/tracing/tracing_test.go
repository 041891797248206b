package tracing

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/berth-dev/berth/internal/testing/testotlp"
)

// TestStart has spans arrive by each protocol: that of a request to a server, and not that of a watch, in the one that it is made for.
func TestStart(t *testing.T) {
	receiver, err := testotlp.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for protocol, endpoint := range map[string]string{"grpc": receiver.GRPC, "http/protobuf": receiver.HTTP, "": receiver.HTTP} {
		t.Run(protocol, func(t *testing.T) {
			service := "service-" + strings.TrimPrefix(protocol, "http/")
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name="+service)
			provider, err := Start(t.Context(), "berth-test", slog.Default())
			if err != nil {
				t.Fatal(err)
			}
			ctx, span := provider.Tracer().Start(t.Context(), "outer")
			var told []string
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				told = append(told, r.Header.Get("traceparent"))
				w.WriteHeader(http.StatusConflict)
			}))
			defer api.Close()
			client := &http.Client{Transport: Calls(http.DefaultTransport)}
			for _, query := range []string{"", "?watch=true"} {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL+"/apis/berth.dev/v1alpha1/namespaces/cowork/apps"+query, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
			}
			span.End()
			provider.Stop(t.Context())
			var got []testotlp.Span
			for _, s := range receiver.Spans() {
				if s.Service == service {
					got = append(got, s)
				}
			}
			trace, outer := span.SpanContext().TraceID().String(), span.SpanContext().SpanID().String()
			want := []testotlp.Span{
				{
					Service: service, Name: "list apps", Kind: otlp.Span_SPAN_KIND_CLIENT, Failed: true, Trace: trace, Parent: outer,
					Attributes: map[string]string{
						"http.request.method": "GET", "http.response.status_code": "409",
						"k8s.verb": "list", "k8s.resource": "apps", "k8s.namespace.name": "cowork",
					},
				},
				{Service: service, Name: "outer", Kind: otlp.Span_SPAN_KIND_INTERNAL, Trace: trace, ID: outer, Attributes: map[string]string{}},
			}
			isChild := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ID" }, cmpopts.AcyclicTransformer("known", func(id string) bool {
				return id == outer
			}))
			if diff := cmp.Diff(want, got, isChild); diff != "" {
				t.Fatalf("spans: -want, +got:\n%s", diff)
			}
			if diff := cmp.Diff([]string{"00-" + trace + "-" + got[0].ID + "-01", ""}, told); diff != "" {
				t.Errorf("traceparent: -want, +got:\n%s", diff)
			}
		})
	}
}

func TestOff(t *testing.T) {
	cases := map[string]map[string]string{
		"NoEndpoint": {},
		"Disabled":   {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		"NoExporter": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	}
	for name, environment := range cases {
		t.Run(name, func(t *testing.T) {
			for name, value := range environment {
				t.Setenv(name, value)
			}
			provider, err := Start(t.Context(), "berth-test", slog.Default())
			if err != nil || provider != nil || provider.Tracer() != nil {
				t.Errorf("Start(...): got %v, %v, want nothing", provider, err)
			}
			provider.Stop(t.Context())
		})
	}
}

// TestUnknownProtocol says that spans go out as the environment says, or the command doesn't start; it names the variable and what it can be.
func TestUnknownProtocol(t *testing.T) {
	for name, tc := range map[string]struct{ variable, protocol string }{
		"Unknown":    {"OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"},
		"JSON":       {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
		"JSONTraces": {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
			t.Setenv(tc.variable, tc.protocol)
			want := fmt.Sprintf("%s is grpc or http/protobuf, not %q", tc.variable, tc.protocol)
			if _, err := Start(t.Context(), "berth-test", slog.Default()); err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("Start(...): got error %v, want %s", err, want)
			}
		})
	}
}

// TestNobodyListens says that spans that can't be sent are told of in the log, without what authenticates to the receiver, and are no failure.
func TestNobodyListens(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	log := make(lines, 100)
	provider, err := Start(t.Context(), "berth-test", slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer().Start(t.Context(), "outer")
	span.End()
	if line := <-log; !strings.Contains(line, "traces can't be sent") || strings.Contains(line, "hunter2") {
		t.Errorf("the log: %s", line)
	}
	provider.Stop(t.Context())
}

// lines are those of a log.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// TestChildOfNone says that there is no span without one that it is in.
func TestChildOfNone(t *testing.T) {
	ctx, span := Child(t.Context(), "inner")
	if ctx != t.Context() || span.IsRecording() {
		t.Error("Child(...) has made a span")
	}
	if got := testing.AllocsPerRun(100, func() { Child(ctx, "inner") }); got > 0 {
		t.Errorf("Child(...) without a span to be in takes %v allocations", got)
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		t.Error("the context has a trace")
	}
}
