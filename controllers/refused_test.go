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
	clocktesting "k8s.io/utils/clock/testing"

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

// Something that is refused for long is tried seldom.
func TestRefusedIsTriedLessAndLess(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := base{clock: clocktesting.NewFakePassiveClock(now)}
	since := func(s metav1.ConditionStatus, d time.Duration) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: s, LastTransitionTime: metav1.NewTime(now.Add(-d))}}
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{}, "web", errNotYet)
	cases := map[string]struct {
		err        error
		conditions []metav1.Condition
		want       time.Duration
	}{
		"New":        {err: forbidden, want: time.Second},
		"WasWell":    {err: forbidden, conditions: since(metav1.ConditionFalse, time.Hour), want: time.Second},
		"Lasts":      {err: forbidden, conditions: since(metav1.ConditionTrue, 40*time.Second), want: 40 * time.Second},
		"NotRefused": {err: errNotYet, conditions: since(metav1.ConditionTrue, 40*time.Second)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &v1alpha1.App{Status: v1alpha1.AppStatus{Conditions: tc.conditions}}
			o := phase.Run(t.Context(), 0, phase.Phase[int]{Run: func(context.Context, int) error { return tc.err }})
			if got := b.refused(app, o); got != tc.want {
				t.Errorf("tried again after %s, want %s", got, tc.want)
			}
		})
	}
}
