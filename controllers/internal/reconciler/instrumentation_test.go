package reconciler

import (
	"context"
	"testing"

	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// What is cut off when the operator ends is counted as nothing; what takes too long, as failed.
func TestCutOffIsNoFailure(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want float64
	}{
		"CutOff":  {end: context.WithCancel},
		"TooLong": {end: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 0) }, want: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, end := tc.end(t.Context())
			end()
			next := reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
				asks := phase.Phase[any]{Name: "asks", Run: func(ctx context.Context, _ any) error { return ctx.Err() }}
				return phase.Run[any](ctx, nil, asks).Result()
			})
			if _, err := (instrumented{kind: name, next: next}).Reconcile(ctx, reconcile.Request{}); err == nil {
				t.Error("the reconcile has succeeded")
			}
			counted := testmetrics.Of(t, ctrlmetrics.Registry)
			for _, metric := range []string{"berth_reconciles_total", "berth_reconcile_phases_total"} {
				if got := counted.Value(metric, "kind="+name, "outcome=failed"); got != tc.want {
					t.Errorf("%s: %v failed, want %v", metric, got, tc.want)
				}
			}
		})
	}
}
