package controllers

import (
	"errors"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/berth-dev/berth/api/v1alpha1"
)

var errNotYet = errors.New("not yet")

// running makes an App that is Ready.
func running(t *testing.T, ns string, changes ...func(*v1alpha1.App)) *v1alpha1.App {
	t.Helper()
	app := newApp(t, ns, changes...)
	rollout(t, app, "1", podReady())
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReady: succeeded})
	return app
}

func TestAppBecomesReady(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	expect(t, app, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:       working,
		v1alpha1.ConditionReconciling: {"True", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionStalled:     {"False", v1alpha1.ReasonProgressing},
		v1alpha1.ConditionConfigured:  succeeded,
		v1alpha1.ConditionAvailable:   working,
		v1alpha1.ConditionCertified:   working,
		v1alpha1.ConditionRouted:      succeeded,
	})
	rollout(t, app, "1", podReady())
	certify(t, ns, app.Name)
	expect(t, app, status.CurrentStatus, map[string]condition{
		v1alpha1.ConditionReady:       succeeded,
		v1alpha1.ConditionReconciling: {"False", v1alpha1.ReasonSucceeded},
		v1alpha1.ConditionStalled:     {"False", v1alpha1.ReasonSucceeded},
		v1alpha1.ConditionConfigured:  succeeded,
		v1alpha1.ConditionAvailable:   succeeded,
		v1alpha1.ConditionCertified:   succeeded,
		v1alpha1.ConditionRouted:      succeeded,
	})
	got := app.Status
	got.Conditions = nil
	one := int32(1)
	want := v1alpha1.AppStatus{
		ObservedGeneration: 1, URL: "https://" + app.Name + "." + baseDomain, Image: digest, Replicas: &one, ReadyReplicas: &one,
		Selector: "berth.dev/app=" + app.Name,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestIdleReconcileAsksForNothing(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	time.Sleep(quiet)
	before := sent.in(ns)
	t.Log(before)
	b := testBase(t, clock.RealClock{})
	r := &appReconciler{base: b, sites: newSites(b)}
	if err := cached.Get(t.Context(), key(app), app); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), app); err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	if diff := cmp.Diff(before, sent.in(ns)); diff != "" {
		t.Errorf("an idle reconcile asked the API server for something (-before +after):\n%s", diff)
	}
}
