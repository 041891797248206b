package ssa

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestApplied(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare func(t *testing.T, owner *corev1.ConfigMap)
		want    bool
		owned   bool
	}{
		"Absent": {func(*testing.T, *corev1.ConfigMap) {}, false, true},
		"Same": {func(t *testing.T, owner *corev1.ConfigMap) {
			t.Helper()
			if _, err := apply(t.Context(), api, owner); err != nil {
				t.Fatal(err)
			}
		}, true, true},
		"Changed": {func(t *testing.T, owner *corev1.ConfigMap) {
			t.Helper()
			made, err := apply(t.Context(), api, owner)
			if err != nil {
				t.Fatal(err)
			}
			made.Spec.Ports[0].Port = 81
			if err := api.Update(t.Context(), made); err != nil {
				t.Fatal(err)
			}
		}, false, true},
		"Foreign": {func(t *testing.T, owner *corev1.ConfigMap) {
			t.Helper()
			store(t, foreign(owner))
		}, false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := newOwner(t)
			tc.prepare(t, owner)
			service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: "web"}}
			got, err := Applied(t.Context(), onlyReads(t), owner, wanted(owner), service, corev1ac.ExtractService)
			if got != tc.want {
				t.Errorf("Applied = %t, want %t", got, tc.want)
			}
			if _, ok := errors.AsType[*NotOwnedError](err); ok == tc.owned {
				t.Errorf("Applied: got error %v, want one of not being owned: %t", err, !tc.owned)
			}
		})
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	owner, other := newOwner(t), newOwner(t)
	if _, err := apply(t.Context(), api, owner); err != nil {
		t.Fatal(err)
	}
	service := func(ns string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"}}
	}
	cases := map[string]struct {
		owner metav1.Object
		ns    string
		want  bool
	}{
		"Own":      {owner, owner.Namespace, true},
		"Anothers": {other, owner.Namespace, false},
		"Absent":   {other, other.Namespace, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Has(t.Context(), api, tc.owner, service(tc.ns))
			if err != nil || got != tc.want {
				t.Errorf("Has = %t, %v, want %t", got, err, tc.want)
			}
		})
	}
}

func TestAppliedAt(t *testing.T) {
	t.Parallel()
	at := func(hour int) *metav1.Time {
		return new(metav1.NewTime(time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC)))
	}
	entry := func(manager, subresource string, operation metav1.ManagedFieldsOperationType, hour int) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Operation: operation, Time: at(hour)}
	}
	others := []metav1.ManagedFieldsEntry{
		entry("kubectl", "", metav1.ManagedFieldsOperationApply, 2),
		entry(v1alpha1.FieldOwner, "status", metav1.ManagedFieldsOperationApply, 3),
		entry(v1alpha1.FieldOwner, "", metav1.ManagedFieldsOperationUpdate, 4),
	}
	cases := map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   *metav1.Time
	}{
		"Never": {others, at(1)},
		"Once":  {append(others, entry(v1alpha1.FieldOwner, "", metav1.ManagedFieldsOperationApply, 5)), at(5)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &corev1.Service{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *at(1), ManagedFields: tc.fields}}
			if got := AppliedAt(o); !got.Equal(tc.want.Time) {
				t.Errorf("AppliedAt = %s, want %s", got, tc.want)
			}
		})
	}
}
