package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
)

// ids returns the ids of an organization, once it has them.
func ids(t *testing.T, ns *corev1.Namespace) map[string]string {
	t.Helper()
	got := map[string]string{}
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(ns), ns); err != nil {
			return err
		}
		for _, name := range []string{v1alpha1.AnnotationExternalID, v1alpha1.AnnotationVerificationToken} {
			if got[name] = ns.Annotations[name]; len(got[name]) != externalIDLength {
				return fmt.Errorf("%s is %q", name, got[name])
			}
		}
		return nil
	})
	return got
}

func TestOrganizationGetsIDs(t *testing.T) {
	t.Parallel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}}
	first := ids(t, ns)
	patch(t, ns, func(client.Object) { metav1.SetMetaDataLabel(&ns.ObjectMeta, "a", "b") })
	settle()
	if diff := cmp.Diff(first, ids(t, ns)); diff != "" {
		t.Errorf("the ids changed (-before +after):\n%s", diff)
	}
	seen := map[string]bool{}
	other := ids(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: organization(t)}})
	for _, id := range slices.Concat(slices.Collect(maps.Values(first)), slices.Collect(maps.Values(other))) {
		if seen[id] {
			t.Errorf("two ids are %s", id)
		}
		seen[id] = true
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
	r := &organizationReconciler{base: base{client: api, rights: &sync.Map{}, refusals: newRefusals()}}
	if err := r.identify(t.Context(), stale); !apierrors.IsConflict(err) {
		t.Errorf("identify: got error %v, want a conflict", err)
	}
	get(t, ns)
	if got := ns.Annotations[v1alpha1.AnnotationExternalID]; got != "restored" {
		t.Errorf("the external id is %q, want %q", got, "restored")
	}
}

// Berth's own Namespace holds the API keys, so nobody gets a role of an organization's in it.
func TestOwnNamespaceIsNoOrganization(t *testing.T) {
	label(t, testenv.Namespace)
	t.Cleanup(func() {
		unlabel := []byte(`{"metadata":{"labels":{"` + v1alpha1.LabelOrganization + `":null}}}`)
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testenv.Namespace}}
		if err := api.Patch(context.WithoutCancel(t.Context()), ns, client.RawPatch(types.MergePatchType, unlabel)); err != nil {
			t.Error(err)
		}
	})
	complaint(t, testenv.Namespace, v1alpha1.ReasonInvalid, "can't be an organization")
	var managers rbacv1.RoleBinding
	err := api.Get(t.Context(), client.ObjectKey{Namespace: testenv.Namespace, Name: access.ClusterRoleManager}, &managers)
	if !apierrors.IsNotFound(err) {
		t.Errorf("its RoleBinding for managers: got %v, want it not to be there", err)
	}
}
