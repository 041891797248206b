package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// edge is what is counted of connections, and of requests of unknown callers.
type edge struct {
	connections prometheus.Gauge
	refused     prometheus.Counter
	brokenOff   prometheus.Counter
	notLogged   prometheus.Counter
}

func newEdge(of promauto.Factory) edge {
	return edge{
		connections: of.NewGauge(prometheus.GaugeOpts{
			Name: "berth_http_connections", Help: "Connections to the port of the REST API that are open.",
		}),
		refused: of.NewCounter(prometheus.CounterOpts{
			Name: "berth_http_connections_refused_total", Help: "Connections that were closed because of a limit.",
		}),
		brokenOff: of.NewCounter(prometheus.CounterOpts{
			Name: "berth_http_requests_broken_off_total", Help: "Requests that were broken off because too many were under way.",
		}),
		notLogged: of.NewCounter(prometheus.CounterOpts{
			Name: "berth_http_requests_not_logged_total", Help: "Requests without a valid API key, or beyond the limit of one, that have no line in the log.",
		}),
	}
}

// Connected changes how many connections are open.
func (m *Metrics) Connected(change int) { m.edge.connections.Add(float64(change)) }

// ConnectionRefused counts a connection that was closed because of a limit.
func (m *Metrics) ConnectionRefused() { m.edge.refused.Inc() }

// RequestBrokenOff counts a request that was broken off because of a limit.
func (m *Metrics) RequestBrokenOff() { m.edge.brokenOff.Inc() }

// NotLogged counts a request that has no line in the log.
func (m *Metrics) NotLogged() { m.edge.notLogged.Inc() }
