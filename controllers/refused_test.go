package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// What the API server has refused is done soon after it refuses it no more, though nothing tells of that.
func TestRefusalThatPasses(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	forbidDeployments(t, ns)
	app := newApp(t, ns)
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionStalled: {metav1.ConditionTrue, v1alpha1.ReasonInvalid}})
	remove(t, &corev1.ResourceQuota{ObjectMeta: named(ns, "none")})
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(app), app); err != nil {
			return err
		}
		for _, c := range app.Status.Conditions {
			if c.Type == v1alpha1.ConditionStalled && c.Status == metav1.ConditionTrue {
				return errNotYet
			}
		}
		return nil
	})
}

// Something that is refused again and again is tried less and less often, and soon again once it was not.
func TestRefusedIsTriedLessAndLess(t *testing.T) {
	t.Parallel()
	b := base{refusals: newRefusals()}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{UID: "one"}}
	after := func(err error) time.Duration {
		return b.refused(app, phase.Run(t.Context(), 0, phase.Phase[int]{Run: func(context.Context, int) error { return err }}))
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "web", errNotYet)
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if got := after(forbidden); got != want {
			t.Errorf("tried again after %s, want %s", got, want)
		}
	}
	for range 20 {
		after(forbidden)
	}
	if got := after(forbidden); got != refusedAgainAtMost {
		t.Errorf("tried again after %s in the end, want %s", got, refusedAgainAtMost)
	}
	if got := after(errNotYet); got != 0 {
		t.Errorf("tried again after %s though nothing is refused", got)
	}
	if got := after(forbidden); got != refusedAgain {
		t.Errorf("tried again after %s the next time, want %s", got, refusedAgain)
	}
}

// However long something has failed, it is tried again within half a minute.
func TestFailedIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	failures, last := newFailures(), time.Duration(0)
	for range 50 {
		last = failures.When(reconcile.Request{})
	}
	if last != failedAgainAtMost {
		t.Errorf("tried again after %s, want %s", last, failedAgainAtMost)
	}
}
