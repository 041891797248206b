package requestid

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"
)

func TestOf(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		sent string
		kept bool
	}{
		"UUID":    {sent: "0b3e1d4c-6b4f-4a8e-9d0e-4f1c2a3b4c5d", kept: true},
		"Longest": {sent: strings.Repeat("x", 64), kept: true},
		"TooLong": {sent: strings.Repeat("x", 65)},
		"None":    {},
		"Break":   {sent: "a\nb"},
		"Comma":   {sent: "a, b"},
		"Text":    {sent: "é"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Of(tc.sent)
			if (got == tc.sent) != tc.kept || !sane.MatchString(got) {
				t.Errorf("Of(%q) = %q", tc.sent, got)
			}
			if !tc.kept && Of(tc.sent) == got {
				t.Errorf("Of(%q) made the same id twice", tc.sent)
			}
			if got := OfClient(tc.sent); tc.kept && got != tc.sent || !tc.kept && got != "" {
				t.Errorf("OfClient(%q) = %q", tc.sent, got)
			}
		})
	}
}

// The API server is told the id of the request that it is asked something for, and nothing if it is for none.
func TestAudited(t *testing.T) {
	t.Parallel()
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Audit-ID")) }))
	defer server.Close()
	client := &http.Client{Transport: Audited(http.DefaultTransport)}
	for _, ctx := range []context.Context{NewContext(t.Context(), "the-id"), t.Context()} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if len(request.Header) > 0 {
			t.Errorf("the request was changed: %v", request.Header)
		}
	}
	if diff := cmp.Diff([]string{"the-id", ""}, got); diff != "" {
		t.Errorf("Audit-ID: -want, +got:\n%s", diff)
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	log := slog.New(Handler(slog.NewJSONHandler(&text, nil))).With("a", "b")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx := NewContext(t.Context(), "the-id")
	log.InfoContext(t.Context(), "none")
	log.InfoContext(ctx, "request")
	log.InfoContext(trace.ContextWithSpanContext(ctx, span), "traced")
	log.InfoContext(WithClient(ctx, "the-client's"), "of a client")
	var got []map[string]string
	for line := range strings.Lines(text.String()) {
		var members map[string]string
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		delete(members, "time")
		got = append(got, members)
	}
	want := []map[string]string{
		{"level": "INFO", "msg": "none", "a": "b"},
		{"level": "INFO", "msg": "request", "a": "b", "requestID": "the-id"},
		{"level": "INFO", "msg": "traced", "a": "b", "requestID": "the-id", "traceID": "01000000000000000000000000000000"},
		{"level": "INFO", "msg": "of a client", "a": "b", "requestID": "the-id", "clientRequestID": "the-client's"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}
