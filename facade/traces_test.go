package facade

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/berth-dev/berth/internal/testing/testotlp"
	"github.com/berth-dev/berth/internal/tracing"
)

// seen is where the suite's server tells what it does, beside its log: the URL of its metrics, and what receives its spans.
var seen struct {
	metrics string
	traces  *testotlp.Receiver
}

// observing has a server serve metrics and send spans, for as long as the tests run.
func observing(o *Options) {
	ctx := context.Background()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // There is a port for everybody.
	}
	if seen.traces, err = testotlp.Start(ctx); err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": seen.traces.GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_BSP_SCHEDULE_DELAY": "50",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	provider, err := tracing.Start(ctx, "berth-facade", slog.Default())
	if err != nil {
		panic(err)
	}
	seen.metrics = "http://" + listener.Addr().String() + "/metrics"
	o.MetricsListener, o.Tracer = listener, provider.Tracer()
}

// spansOf waits for the span of a request, by its id, and returns it with those that are in it.
func spansOf(t *testing.T, id string) (request testotlp.Span, inside []testotlp.Span) {
	t.Helper()
	eventually(t, "the request's span is sent", func() bool {
		for _, s := range seen.traces.Spans() {
			if s.Attributes["berth.request_id"] == id {
				request = s
				return true
			}
		}
		return false
	})
	for _, s := range seen.traces.Spans() {
		if s.Parent == request.ID {
			inside = append(inside, s)
		}
	}
	return request, inside
}

// A trace of somebody's, and the span of theirs that asks.
const remoteTrace, remoteSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

// TestTraces says that a request has a span, with those of what it asked the API server for, and that the lines about it in the log name its
// trace. That is one of its own, whatever a client says that isn't known to say the truth.
func TestTraces(t *testing.T) {
	org, key := organization(t)
	slug := "traces-" + strings.TrimPrefix(org, "org-")
	body := []byte(`{"slug": "` + slug + `", "location": "example.com/shop:v1", "env": [{"name": "A", "value": "b"}]}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, suite.url+appsPath(org), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+remoteTrace+"-"+remoteSpan+"-00")
	response, err := suite.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	id := response.Header.Get("X-Request-Id")
	got, inside := spansOf(t, id)
	want := testotlp.Span{
		Service: "berth-facade", Name: "POST /api/containers/:org/apps/", Kind: otlp.Span_SPAN_KIND_SERVER,
		Trace: got.Trace, ID: got.ID, Links: []string{remoteTrace},
		Attributes: map[string]string{
			"http.request.method": "POST", "http.route": "/api/containers/:org/apps/", "http.response.status_code": "201",
			"berth.request_id": id,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.Trace == remoteTrace {
		t.Errorf("the span of the request: %+v; -want, +got:\n%s", got, diff)
	}
	calls := map[string]bool{}
	for _, s := range inside {
		calls[s.Name] = s.Trace == got.Trace && s.Kind == otlp.Span_SPAN_KIND_CLIENT && !s.Failed
	}
	for _, name := range []string{"create secrets", "patch apps"} {
		if !calls[name] {
			t.Errorf("there is no good span %q in that of the request: %v", name, calls)
		}
	}
	eventually(t, "the log names the trace", func() bool {
		for line := range strings.Lines(suite.log.String()) {
			if strings.Contains(line, `"requestID":"`+id+`"`) && strings.Contains(line, `"traceID":"`+got.Trace+`"`) {
				return true
			}
		}
		return false
	})
}

// TestTracesOfProxies says whose word counts for the trace that a request is part of.
func TestTracesOfProxies(t *testing.T) {
	cases := map[string]struct {
		reason, proxies, sampled string
		want                     testotlp.Span
	}{
		"OfAProxy":      {"A proxy says which trace it is.", "127.0.0.0/8", "01", testotlp.Span{Trace: remoteTrace, Parent: remoteSpan}},
		"OfSomebody":    {"Anybody else may invent one.", "192.0.2.0/24", "01", testotlp.Span{Links: []string{remoteTrace}}},
		"NotToBeTraced": {"Nor do they decide that nothing is traced.", "192.0.2.0/24", "00", testotlp.Span{Links: []string{remoteTrace}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server, _ := another(t, func(o *Options) {
				o.Tracer, o.TrustedProxies = suite.server.options.Tracer, []netip.Prefix{netip.MustParsePrefix(tc.proxies)}
			})
			header := http.Header{"Traceparent": {"00-" + remoteTrace + "-" + remoteSpan + "-" + tc.sampled}}
			answer := ask(t, server, "", http.MethodGet, "/api/openapi.json", header).want(t, http.StatusOK)
			got, _ := spansOf(t, answer.header.Get("X-Request-Id"))
			if tc.want.Trace == "" && got.Trace != remoteTrace {
				tc.want.Trace = got.Trace
			}
			if diff := cmp.Diff(tc.want, testotlp.Span{Trace: got.Trace, Parent: got.Parent, Links: got.Links}); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTracesOfNothing says that a request for no route has no span: clients could make up any number of names.
func TestTracesOfNothing(t *testing.T) {
	got := ask(t, suite.server, "", http.MethodGet, "/nothing", nil).want(t, http.StatusNotFound)
	next := call(t, "", http.MethodGet, "/api/openapi.json", nil)
	spansOf(t, next.header.Get("X-Request-Id"))
	if strings.Contains(seen.traces.String(), got.header.Get("X-Request-Id")) {
		t.Error("there is a span")
	}
}
