package facade

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/berth-dev/berth/internal/testotlp"
	"github.com/berth-dev/berth/internal/tracing"
)

// startTraces makes what receives the spans of the suite's server, and what makes them.
func startTraces(ctx context.Context) (*testotlp.Receiver, trace.Tracer, error) {
	receiver, err := testotlp.Start(ctx)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_BSP_SCHEDULE_DELAY": "50",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, nil, err
		}
	}
	provider, err := tracing.Start(ctx, "berth-facade", slog.Default())
	return receiver, provider.Tracer(), err
}

// spansOf waits for the span of a request, by its id, and returns it with those that are in it.
func spansOf(t *testing.T, id string) (request testotlp.Span, inside []testotlp.Span) {
	t.Helper()
	eventually(t, "the request's span is sent", func() bool {
		for _, s := range suite.traces.Spans() {
			if s.Attributes["berth.request_id"] == id {
				request = s
				return true
			}
		}
		return false
	})
	for _, s := range suite.traces.Spans() {
		if s.Parent == request.ID {
			inside = append(inside, s)
		}
	}
	return request, inside
}

// TestTraces says that a request has a span in its client's trace, with those of what it asked the API server for, and that the lines about it
// in the log name the trace.
func TestTraces(t *testing.T) {
	org, key := organization(t)
	slug := "traces-" + strings.TrimPrefix(org, "org-")
	const remote, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	body := []byte(`{"slug": "` + slug + `", "location": "example.com/shop:v1", "env": [{"name": "A", "value": "b"}]}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, suite.url+appsPath(org), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+remote+"-"+parent+"-01")
	request.Header.Set("X-Request-Id", slug)
	response, err := suite.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	got, inside := spansOf(t, slug)
	want := testotlp.Span{
		Service: "berth-facade", Name: "POST /api/containers/:org/apps/", Kind: otlp.Span_SPAN_KIND_SERVER,
		Trace: remote, Parent: parent, ID: got.ID,
		Attributes: map[string]string{
			"http.request.method": "POST", "http.route": "/api/containers/:org/apps/", "http.response.status_code": "201",
			"berth.request_id": slug,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the span of the request: -want, +got:\n%s", diff)
	}
	calls := map[string]bool{}
	for _, s := range inside {
		calls[s.Name] = s.Trace == remote && s.Kind == otlp.Span_SPAN_KIND_CLIENT && !s.Failed
	}
	for _, name := range []string{"create secrets", "patch apps"} {
		if !calls[name] {
			t.Errorf("there is no good span %q in that of the request: %v", name, calls)
		}
	}
	eventually(t, "the log names the trace", func() bool {
		for line := range strings.Lines(suite.log.String()) {
			if strings.Contains(line, `"requestID":"`+slug+`"`) && strings.Contains(line, `"traceID":"`+remote+`"`) {
				return true
			}
		}
		return false
	})
}

// TestTracesOfNothing says that a request for no route has no span: clients could make up any number of names.
func TestTracesOfNothing(t *testing.T) {
	got := ask(t, suite.server, "", http.MethodGet, "/nothing", http.Header{"X-Request-Id": {"no-route"}}).want(t, http.StatusNotFound)
	next := call(t, "", http.MethodGet, "/api/openapi.json", nil)
	spansOf(t, next.header.Get("X-Request-Id"))
	if strings.Contains(suite.traces.String(), got.header.Get("X-Request-Id")) {
		t.Error("there is a span")
	}
}
