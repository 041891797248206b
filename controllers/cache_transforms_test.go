package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// What the cache keeps of others' objects doesn't grow with them, nor does what it keeps of Berth's own with what nobody reads.
func TestCacheKeepsLittle(t *testing.T) {
	t.Parallel()
	applied := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	deployment := func(owner string) *appsv1.Deployment {
		entry := func(manager string, operation metav1.ManagedFieldsOperationType) metav1.ManagedFieldsEntry {
			return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: &applied, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:paused":{}}}`)}
		}
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{
				Name: "web", Namespace: "acme", UID: "u", ResourceVersion: "7", Generation: 3, CreationTimestamp: applied,
				Labels:          map[string]string{"a": "b"},
				Annotations:     map[string]string{revisionAnnotation: "2", "a": "b"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: owner, Kind: "App", Name: "web", Controller: new(true)}},
				ManagedFields: []metav1.ManagedFieldsEntry{
					entry("kubectl", metav1.ManagedFieldsOperationApply),
					entry(v1alpha1.FieldOwner, metav1.ManagedFieldsOperationApply),
					entry(v1alpha1.FieldOwner, metav1.ManagedFieldsOperationUpdate),
				},
			},
			Spec:   appsv1.DeploymentSpec{Paused: true, Replicas: new(int32(4))},
			Status: appsv1.DeploymentStatus{Replicas: 4},
		}
	}
	theirs := deployment("example.com/v1")
	bare := metav1.ObjectMeta{
		Name: "web", Namespace: "acme", UID: "u", ResourceVersion: "7", CreationTimestamp: applied, OwnerReferences: theirs.OwnerReferences,
	}
	ours := deployment("berth.dev/v1alpha1")
	wantOurs := &appsv1.Deployment{ObjectMeta: bare, Spec: appsv1.DeploymentSpec{Replicas: ours.Spec.Replicas}, Status: ours.Status}
	wantOurs.OwnerReferences, wantOurs.Generation = ours.OwnerReferences, 3
	wantOurs.Annotations = map[string]string{revisionAnnotation: "2"}
	wantOurs.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: v1alpha1.FieldOwner, Operation: metav1.ManagedFieldsOperationApply, Time: &applied}}
	keep := keepOurs(appsv1ac.ExtractDeployment, keepOfDeployment)
	for want, in := range map[*appsv1.Deployment]*appsv1.Deployment{wantOurs: ours, {ObjectMeta: bare}: theirs} {
		got, err := keep(in)
		if err != nil {
			t.Fatal(err)
		}
		// What a digest is good for is tested in package ssa.
		if diff := cmp.Diff(any(want), got, cmpopts.IgnoreFields(metav1.ManagedFieldsEntry{}, "FieldsV1")); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	}
}
