// Package testotlp is an OTLP receiver, as a collector of traces has one, for tests.
package testotlp

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Span is one that has been received.
type Span struct {
	// Service is the name of who made it.
	Service string
	// Name, Kind and Failed are what it says of itself.
	Name   string
	Kind   otlp.Span_SpanKind
	Failed bool
	// Trace, ID and Parent are in hexadecimal; Parent is empty for the first of a trace.
	Trace, ID, Parent string
	// Links are the traces that it has links to, in hexadecimal.
	Links []string
	// Attributes are those of the span, as texts.
	Attributes map[string]string
}

// Receiver keeps the spans that it is sent, over gRPC and over HTTP.
type Receiver struct {
	collector.UnimplementedTraceServiceServer

	// GRPC and HTTP are the endpoints, as OTEL_EXPORTER_OTLP_ENDPOINT has them.
	GRPC, HTTP string

	mu    sync.Mutex
	spans []Span
	text  strings.Builder
}

// Start makes a Receiver that works until ctx ends.
func Start(ctx context.Context) (*Receiver, error) {
	r := &Receiver{}
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	r.GRPC, r.HTTP = "http://"+listeners[0].Addr().String(), "http://"+listeners[1].Addr().String()
	rpc := grpc.NewServer()
	collector.RegisterTraceServiceServer(rpc, r)
	web := &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: time.Minute}
	go func() { _ = rpc.Serve(listeners[0]) }()
	go func() { _ = web.Serve(listeners[1]) }()
	context.AfterFunc(ctx, func() {
		rpc.Stop()
		_ = web.Close()
	})
	return r, nil
}

// Export takes spans by gRPC.
func (r *Receiver) Export(_ context.Context, sent *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.keep(sent)
	return &collector.ExportTraceServiceResponse{}, nil
}

// serve takes spans by HTTP.
func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	sent := &collector.ExportTraceServiceRequest{}
	if err != nil || request.URL.Path != "/v1/traces" || proto.Unmarshal(body, sent) != nil {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	r.keep(sent)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *Receiver) keep(sent *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.WriteString(protojson.Format(sent))
	for _, resource := range sent.GetResourceSpans() {
		service := texts(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.spans = append(r.spans, Span{
					Service: service, Name: s.GetName(), Kind: s.GetKind(), Failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR,
					Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
					Links: linked(s.GetLinks()), Attributes: texts(s.GetAttributes()),
				})
			}
		}
	}
}

func linked(links []*otlp.Span_Link) (traces []string) {
	for _, l := range links {
		traces = append(traces, hex.EncodeToString(l.GetTraceId()))
	}
	return traces
}

func texts(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.GetKey()] = a.GetValue().GetStringValue()
		if _, ok := a.GetValue().GetValue().(*common.AnyValue_IntValue); ok {
			all[a.GetKey()] = strconv.FormatInt(a.GetValue().GetIntValue(), 10)
		}
	}
	return all
}

// Spans returns what has been received.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.spans)
}

// String returns everything that has been received, as text.
func (r *Receiver) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
