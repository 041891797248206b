package ssa

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	apiac "github.com/berth-dev/berth/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// TestSameOfRestored makes an App as a backup restores it that keeps the record of who set what: the status is not there and the record
// speaks of it. It differs from what is wanted until that was applied.
func TestSameOfRestored(t *testing.T) {
	namespace := newOwner(t).Namespace
	restored := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "App", "spec": map[string]any{"image": "example.com/shop"},
	}}
	restored.SetNamespace(namespace)
	restored.SetName("restored")
	restored.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: v1alpha1.FieldOwner, Operation: metav1.ManagedFieldsOperationApply, Subresource: "status",
		APIVersion: v1alpha1.GroupVersion.String(), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:status": {"f:url": {}}}`),
	}})
	store(t, restored)
	want := apiac.App("restored", namespace).WithStatus(apiac.AppStatus().WithURL("https://restored.example.com"))
	mustBeSame(t, restored, want, false)
	if err := api.Status().Apply(t.Context(), want, client.FieldOwner(v1alpha1.FieldOwner), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(restored), restored); err != nil {
		t.Fatal(err)
	}
	mustBeSame(t, restored, apiac.App("restored", namespace).WithStatus(apiac.AppStatus().WithURL("https://restored.example.com")), true)
}

func mustBeSame(t *testing.T, object *unstructured.Unstructured, want *apiac.AppApplyConfiguration, wantSame bool) {
	t.Helper()
	var app v1alpha1.App
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &app); err != nil {
		t.Fatal(err)
	}
	for _, digest := range []bool{false, true} {
		if digest {
			Digest(&app, apiac.ExtractAppStatus)
		}
		same, err := Same(&app, want, apiac.ExtractAppStatus)
		if err != nil || same != wantSame {
			t.Errorf("got the same: %t, want %t (error: %v; digested: %t)", same, wantSame, err, digest)
		}
	}
}
