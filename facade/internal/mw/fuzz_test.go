package mw

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/berth-dev/berth/facade/internal/requestid"
)

// FuzzTrace says that whatever a client says of its trace, its request is served, in that trace if it is one, and that nothing else of its text
// goes into the span.
func FuzzTrace(f *testing.F) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	f.Add("00-"+trace+"-b7ad6b7169203331-01", "a=b", "client-1")
	f.Add("00-"+strings.Repeat("0", 32)+"-b7ad6b7169203331-01", "", "")
	f.Add("ff-"+trace+"-b7ad6b7169203331-01-more", "a=b,a=c", "\n")
	f.Add("00-"+strings.ToUpper(trace)+"-b7ad6b7169203331-03", strings.Repeat("a=b,", 40), "é")
	gin.SetMode(gin.ReleaseMode)
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	engine := gin.New()
	engine.Use(RequestID(), Trace(provider.Tracer("test"), []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})) // The address of httptest's requests.)
	engine.GET("/:name", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	f.Fuzz(func(t *testing.T, parent, state, id string) {
		defer spans.Reset()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/a-name-of-its-own", http.NoBody)
		r.Header["Traceparent"], r.Header["Tracestate"], r.Header[requestid.Header] = []string{parent}, []string{state}, []string{id}
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, r)
		if answer.Code != http.StatusNoContent {
			t.Fatalf("got %d", answer.Code)
		}
		all := spans.GetSpans()
		if len(all) != 1 {
			t.Fatalf("got %d spans", len(all))
		}
		span := all[0]
		if span.Name != "GET /:name" || span.SpanContext.TraceState().Len() > 0 || !span.SpanContext.IsValid() {
			t.Errorf("got the span %q with the state %q", span.Name, span.SpanContext.TraceState())
		}
		if span.Parent.IsValid() && !strings.Contains(parent, span.Parent.TraceID().String()) {
			t.Errorf("%q is taken for the trace %s", parent, span.Parent.TraceID())
		}
		for _, attribute := range span.Attributes {
			if text := attribute.Value.String(); strings.Contains(text, "a-name-of-its-own") || strings.ContainsAny(text, "\n\x00") {
				t.Errorf("%s is %q", attribute.Key, text)
			}
		}
	})
}
