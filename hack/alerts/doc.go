// Package alerts tests what config/prometheus has for Prometheus and Grafana, with Prometheus' own code: a module of its own, since that needs
// much that Berth doesn't.
package alerts
