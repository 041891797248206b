package reconciler

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// Something that is refused again and again is tried less and less often, and soon again once it was not.
func TestRefusedIsTriedLessAndLess(t *testing.T) {
	t.Parallel()
	b := Base{Refusals: NewRefusalLimiter()}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{UID: "one"}}
	after := func(err error) time.Duration {
		return b.refused(app, phase.Run(t.Context(), 0, phase.Phase[int]{Run: func(context.Context, int) error { return err }}))
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "web", errors.New("not yet"))
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if got := after(forbidden); got != want {
			t.Errorf("tried again after %s, want %s", got, want)
		}
	}
	for range 20 {
		after(forbidden)
	}
	if got := after(forbidden); got != refusalMax {
		t.Errorf("tried again after %s in the end, want %s", got, refusalMax)
	}
	if got := after(errors.New("not yet")); got != 0 {
		t.Errorf("tried again after %s though nothing is refused", got)
	}
	if got := after(forbidden); got != refusalBase {
		t.Errorf("tried again after %s the next time, want %s", got, refusalBase)
	}
}

// However long something has failed, it is tried again within half a minute.
func TestFailedIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	failures, last := NewRateLimiter(), time.Duration(0)
	for range 50 {
		last = failures.When(reconcile.Request{})
	}
	if last != retryMax {
		t.Errorf("tried again after %s, want %s", last, retryMax)
	}
}
