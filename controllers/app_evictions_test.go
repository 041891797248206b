package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// An App whose Pods are evicted one after another says so, whether the next one is ready yet or not.
func TestAppWithEvictedPods(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	rollout(t, app, "1", testobjects.PodReady())
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	set := &appsv1.ReplicaSet{ObjectMeta: testobjects.Named(ns, app.Name+"-1")}
	get(t, set)
	for i := range 3 {
		phase := []corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded}[i%2]
		ended := testobjects.PodEnded(phase, "Evicted", testobjects.DiskUsed, time.Now())
		startPod(t, set, testobjects.Disrupted(ended, corev1.PodReasonTerminationByKubelet, testobjects.DiskUsed))
		d := awaitDeployment(t, app)
		report(t, d, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1})
		expectEvicted(t, app, testobjects.EvictedDisk)
		report(t, d, appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1})
		expectEvicted(t, app, "1 of 1 Pods of the newest version are ready. "+testobjects.EvictedDisk)
	}
	eventually(t, func(ctx context.Context) error {
		got, err := announced(ctx, ns)
		if err != nil || !slices.Contains(got, "Warning "+v1alpha1.ReasonEvicted) {
			return fmt.Errorf("announced %q (error: %w)", got, err)
		}
		return nil
	})
}

func expectEvicted(t *testing.T, app *v1alpha1.App, words string) {
	t.Helper()
	says(t, app, words)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionAvailable: failing(v1alpha1.ReasonEvicted)})
}
