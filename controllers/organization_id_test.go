package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestOrganizationGetsAnExternalID(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	id := func(ctx context.Context) error {
		if err := api.Get(ctx, key(ns), ns); err != nil {
			return err
		}
		if got := ns.Annotations[v1alpha1.AnnotationExternalID]; len(got) != externalIDLength {
			return fmt.Errorf("the external id is %q", got)
		}
		return nil
	}
	eventually(t, id)
	first := ns.Annotations[v1alpha1.AnnotationExternalID]
	patch(t, ns, func(client.Object) { metav1.SetMetaDataLabel(&ns.ObjectMeta, "a", "b") })
	settle()
	eventually(t, id)
	if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != first {
		t.Errorf("the external id changed from %s to %s", first, got)
	}
	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(other), other); err != nil {
			return err
		}
		if other.Annotations[v1alpha1.AnnotationExternalID] == "" {
			return errNotYet
		}
		return nil
	})
	if other.Annotations[v1alpha1.AnnotationExternalID] == first {
		t.Errorf("two organizations have the external id %s", first)
	}
}

func TestExternalIDIsKept(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		annotations map[string]string
		labels      map[string]string
		want        string
	}{
		"Restored":        {map[string]string{v1alpha1.AnnotationExternalID: "kept"}, map[string]string{v1alpha1.LabelOrganization: "x"}, "kept"},
		"NotOrganization": {nil, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: tc.labels, Annotations: tc.annotations}}
			create(t, ns)
			settle()
			get(t, ns)
			if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != tc.want {
				t.Errorf("the external id is %q, want %q", got, tc.want)
			}
		})
	}
}

// A Namespace that is made anew from its manifest, as a backup is restored, is to the customers' AWS roles the organization that it was.
func TestExternalIDSurvivesRestore(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	get(t, ns)
	want := ns.Annotations[v1alpha1.AnnotationExternalID]
	if len(want) != externalIDLength {
		t.Fatalf("the external id is %q", want)
	}
	manifest, err := json.Marshal(ns)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, ns)
	// What deletes a Namespace's objects and then lets it go doesn't run here.
	get(t, ns)
	ns.Spec.Finalizers = nil
	if err := api.SubResource("finalize").Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), key(ns), &corev1.Namespace{}); !apierrors.IsNotFound(err) {
		t.Fatalf("the Namespace is still there (error: %v)", err)
	}

	restored := &corev1.Namespace{}
	if err := json.Unmarshal(manifest, restored); err != nil {
		t.Fatal(err)
	}
	restored.ResourceVersion = ""
	create(t, restored)
	settle()
	get(t, restored)
	if got := restored.Annotations[v1alpha1.AnnotationExternalID]; got != want {
		t.Errorf("the external id is %q, want %q", got, want)
	}
}

// An external id that somebody else has written since the Namespace was read is not overwritten.
func TestExternalIDIsNotOverwritten(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(t, nil)}}
	get(t, ns)
	stale := ns.DeepCopy()
	patch(t, ns, func(o client.Object) { o.SetAnnotations(map[string]string{v1alpha1.AnnotationExternalID: "restored"}) })
	r := &organizationReconciler{base: base{client: api}}
	if err := r.externalID(t.Context(), stale); !apierrors.IsConflict(err) {
		t.Errorf("externalID: got error %v, want a conflict", err)
	}
	get(t, ns)
	if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != "restored" {
		t.Errorf("the external id is %q, want %q", got, "restored")
	}
}
