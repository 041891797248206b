package reconciler

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/metrics"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/tracing"
)

// Instrument returns a reconciler of objects of a kind whose work is counted and, if somebody wants that, traced.
func (b Base) Instrument(kind string, next reconcile.Reconciler) reconcile.Reconciler {
	return instrumented{kind: kind, next: next, tracer: b.Tracer, contests: b.Contests, journal: b.Journal}
}

type instrumented struct {
	kind string
	next reconcile.Reconciler
	// tracer is nil if nothing is traced.
	tracer trace.Tracer
	// contests are told of what others change.
	contests *ssa.Contests
	// journal is told of deletes and adoptions.
	journal *ssa.Journal
}

// Reconcile does what the reconciler behind does.
func (m instrumented) Reconcile(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	ctx, span := m.begin(ctx, r)
	defer span.End()
	w := &work{kind: m.kind, outcome: phase.Done}
	result, err := m.next.Reconcile(m.journal.With(m.contests.With(phase.Observed(ctx, w))), r)
	if err != nil && cutOff(ctx) {
		return result, err
	}
	if err != nil {
		w.outcome = phase.Failed
	}
	metrics.Reconciled(m.kind, w.outcome)
	ended(span, w.outcome)
	return result, err
}

// begin begins the span of a reconcile. The lines of the log that are written in it say which trace it is of.
func (m instrumented) begin(ctx context.Context, r reconcile.Request) (context.Context, trace.Span) {
	if m.tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	ctx, span := m.tracer.Start(ctx, "reconcile "+m.kind, trace.WithAttributes(
		semconv.K8SNamespaceName(r.Namespace),
		attribute.String("berth.name", r.Name),
		attribute.String("berth.reconcile_id", string(controller.ReconcileIDFromContext(ctx))),
	))
	return log.IntoContext(ctx, log.FromContext(ctx).WithValues("traceID", span.SpanContext().TraceID().String())), span
}

// ended notes in a span how what it is about ended. What an error says may quote a value, and isn't in it.
func ended(span trace.Span, outcome phase.Result) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("berth.outcome", string(outcome)))
	if outcome == phase.Failed {
		span.SetStatus(codes.Error, "failed")
	}
}

// cutOff tells whether the command ends: what fails then is begun anew by whoever leads next, and is no failure. A reconcile that has taken too
// long is one.
func cutOff(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// work is one reconcile.
type work struct {
	kind string
	// outcome is the worst of those of its phases.
	outcome phase.Result
}

// Begin begins the span of a phase.
func (w *work) Begin(ctx context.Context, name string) (context.Context, func(*phase.Problem)) {
	ctx, span := tracing.Child(ctx, name)
	return ctx, func(p *phase.Problem) {
		defer span.End()
		outcome := p.Result()
		if outcome == phase.Failed && cutOff(ctx) {
			return
		}
		metrics.Phase(w.kind, name, outcome)
		w.outcome = worse(w.outcome, outcome)
		ended(span, outcome)
	}
}

// worse returns the worse of two outcomes.
func worse(a, b phase.Result) phase.Result {
	for _, outcome := range []phase.Result{phase.Failed, phase.Stuck, phase.Waiting} {
		if a == outcome || b == outcome {
			return outcome
		}
	}
	return phase.Done
}
