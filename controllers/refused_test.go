package controllers

import (
	"context"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What the API server has refused is done soon after it refuses it no more, though nothing tells of that.
func TestRefusalThatPasses(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	forbidDeployments(t, ns)
	app := newApp(t, ns)
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionStalled: {metav1.ConditionTrue, v1alpha1.ReasonInvalid}})
	remove(t, &corev1.ResourceQuota{ObjectMeta: testobjects.Named(ns, "none")})
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
