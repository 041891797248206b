// Package metrics counts what the facade does, for Prometheus. Every label has few values, none of which a client can make up: routes are
// templates, and no organization, app or key is named.
package metrics

import (
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/apicall"
	"github.com/berth-dev/berth/internal/version"
)

const (
	// unmatched is the route of requests for what is none.
	unmatched = "unmatched"
	// otherMethod is that of requests with a method that no route has: clients may make up any.
	otherMethod = "other"
)

// Metrics are those of one server.
type Metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	inFlight      prometheus.Gauge
	logins        *prometheus.CounterVec
	calls         *prometheus.CounterVec
	callDurations *prometheus.HistogramVec
	edge          edge
}

// New makes Metrics, among them those of the process and of Go.
func New() *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	of := promauto.With(registry)
	of.NewGauge(prometheus.GaugeOpts{
		Name: "berth_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"component": "facade", "version": version.Of(), "goversion": runtime.Version()},
	}).Set(1)
	return &Metrics{
		registry: registry,
		requests: of.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_http_requests_total", Help: "Requests that were answered, by the template of their route, method and status.",
		}, []string{"route", "method", "status"}),
		durations: of.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "berth_http_request_duration_seconds",
			Help:    "How long requests took to be answered; streams, which last as long as clients like, are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method"}),
		inFlight: of.NewGauge(prometheus.GaugeOpts{
			Name: "berth_http_requests_in_flight", Help: "Requests that are being answered, streams included.",
		}),
		logins: of.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_authentications_total", Help: "Requests of the REST API by what became of their API key.",
		}, []string{"outcome"}),
		calls: of.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_apiserver_requests_total",
			Help: "Requests to the API server by verb, resource and status; the status is error if there was no answer.",
		}, []string{"verb", "resource", "status"}),
		callDurations: of.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "berth_apiserver_request_duration_seconds",
			Help:    "How long the API server took to begin its answers, by verb; watches are left out.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"verb"}),
		edge: newEdge(of),
	}
}

// Register adds a metric that another package measures.
func (m *Metrics) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// Handler serves the metrics at /metrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry}))
	return mux
}

// Requests counts each request once it is answered. It has to be outside of what turns panics into answers.
func (m *Metrics) Requests() gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		m.inFlight.Inc()
		defer func() {
			m.inFlight.Dec()
			route, method := routeOf(c), methodOf(c.Request)
			m.requests.WithLabelValues(route, method, strconv.Itoa(c.Writer.Status())).Inc()
			if !web.Streamed(c) {
				m.durations.WithLabelValues(route, method).Observe(time.Since(start).Seconds())
			}
		}()
		c.Next()
	}
}

// routeOf is the template of a request's route, one for both of its forms.
func routeOf(c *gin.Context) string {
	path := c.FullPath()
	if path == "" {
		return unmatched
	}
	return strings.TrimSuffix(path, "/")
}

// methods are those of routes, and those that requests for a route by mistake come with.
var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodHead,
}

func methodOf(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return otherMethod
}

// Authenticated counts what became of an API key.
func (m *Metrics) Authenticated(outcome auth.Outcome) {
	m.logins.WithLabelValues(string(outcome)).Inc()
}

// Calls returns a transport to the API server that counts the requests that pass it.
func (m *Metrics) Calls(next http.RoundTripper) http.RoundTripper {
	return calls{metrics: m, next: next}
}

type calls struct {
	metrics *Metrics
	next    http.RoundTripper
}

func (c calls) RoundTrip(r *http.Request) (*http.Response, error) {
	call, start := apicall.Of(r), time.Now()
	response, err := c.next.RoundTrip(r)
	status := "error"
	if err == nil {
		status = strconv.Itoa(response.StatusCode)
	}
	c.metrics.calls.WithLabelValues(call.Verb, call.Resource, status).Inc()
	if call.Verb != "watch" {
		c.metrics.callDurations.WithLabelValues(call.Verb).Observe(time.Since(start).Seconds())
	}
	return response, err
}
