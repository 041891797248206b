package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestKeepOfNamespace says that of each Namespace of the cluster only the metadata that is asked for is in memory.
func TestKeepOfNamespace(t *testing.T) {
	kept, err := keepOfNamespace(&corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{
			Name: "acme", UID: "1", ResourceVersion: "7",
			Labels:        map[string]string{v1alpha1.LabelOrganization: "acme"},
			Annotations:   map[string]string{"note": "long", v1alpha1.AnnotationExternalID: "id"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		},
		Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "acme", UID: "1", ResourceVersion: "7",
		Labels:      map[string]string{v1alpha1.LabelOrganization: "acme"},
		Annotations: map[string]string{v1alpha1.AnnotationExternalID: "id"},
	}}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("keepOfNamespace(...): -want, +got:\n%s", diff)
	}
}
