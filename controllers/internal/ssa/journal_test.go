package ssa

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestJournal says that each delete and each adoption is one event, and that nothing else is.
func TestJournal(t *testing.T) {
	t.Parallel()
	adopt := func(t *testing.T, ctx context.Context, owner *corev1.ConfigMap) {
		t.Helper()
		if err := Adopt(ctx, api, owner, wanted(owner), &corev1.Service{}, corev1ac.ExtractService); err != nil {
			t.Fatal(err)
		}
	}
	prune := func(t *testing.T, ctx context.Context, owner *corev1.ConfigMap, why string) {
		t.Helper()
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: "web"}}
		if err := Prune(ctx, api, owner, service, why); err != nil {
			t.Fatal(err)
		}
	}
	owner := newOwner(t)
	recorder := events.NewFakeRecorder(10)
	ctx := (&Journal{Recorder: recorder}).With(t.Context())
	store(t, foreign(owner))
	adopt(t, ctx, owner)
	adopt(t, ctx, owner) // It is the owner's already.
	prune(t, ctx, owner, "it is no longer wanted")
	prune(t, ctx, owner, "it is gone already")
	store(t, foreign(owner))
	prune(t, ctx, owner, "it is not the owner's")
	adopt(t, ctx, owner)
	prune(t, ctx, owner, "") // The caller reports it.
	close(recorder.Events)
	var got []string
	for event := range recorder.Events {
		got = append(got, event)
	}
	adopted := "Normal " + v1alpha1.ReasonAdopted + " Adopted Service web, which is now deleted with its owner."
	want := []string{adopted, "Normal " + v1alpha1.ReasonDeleted + " Deleted Service web: it is no longer wanted.", adopted}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
