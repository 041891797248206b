// Package metrics counts what the controllers do, and shows how what they look after is doing, for Prometheus. No label has a value of an
// environment or the text of an error.
package metrics

import (
	"math"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/rootcas"
	"github.com/berth-dev/berth/internal/version"
)

// What is counted is registered where controller-runtime registers its own metrics, which the manager serves.
var (
	reconciles = promauto.With(ctrlmetrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "berth_reconciles_total",
		Help: "Reconciles by the kind of the object and how they ended: done, waiting (looked at again), stalled (a person must act) or failed.",
	}, []string{"kind", "outcome"})
	phases = promauto.With(ctrlmetrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "berth_reconcile_phases_total",
		Help: "Phases of reconciles that ran, by the kind of the object, the phase, and how it ended.",
	}, []string{"kind", "phase", "outcome"})
	build = promauto.With(ctrlmetrics.Registry).NewGauge(prometheus.GaugeOpts{
		Name: "berth_build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"component": "operator", "version": version.Of(), "goversion": runtime.Version()},
	})
	roots = promauto.With(ctrlmetrics.Registry).NewGauge(prometheus.GaugeOpts{
		Name: "berth_embedded_roots_timestamp_seconds",
		Help: "When the list of certificate authorities was made that the images of this release have: seconds since 1970, or NaN if that is unknown.",
	})
)

// Reconciled counts a reconcile of an object of a kind.
func Reconciled(kind string, outcome phase.Result) {
	reconciles.WithLabelValues(kind, string(outcome)).Inc()
}

// Phase counts a phase of a reconcile.
func Phase(kind, name string, outcome phase.Result) {
	phases.WithLabelValues(kind, name, string(outcome)).Inc()
}

// Built says which build runs, and how old the certificate authorities in it are.
func Built() {
	build.Set(1)
	roots.Set(math.NaN()) // Nothing is older or younger than that.
	if at := rootcas.Dated(); !at.IsZero() {
		roots.Set(float64(at.Unix()))
	}
}
