package v1alpha1_test

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// TestUnseenIsInProgress makes sure that tools don't take an object for ready that the operator has not seen yet: to kstatus, no status means
// that there is nothing to wait for.
func TestUnseenIsInProgress(t *testing.T) {
	t.Parallel()
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "www"},
		Spec:       v1alpha1.DomainSpec{Host: "www.example.com", AppRef: v1alpha1.AppRef{Name: "web"}},
	}
	for kind, object := range map[string]client.Object{"App": newApp(), "Domain": domain} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if err := api.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			raw, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
			if err != nil {
				t.Fatal(err)
			}
			u := &unstructured.Unstructured{Object: raw}
			u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
			result, err := status.Compute(u)
			if err != nil {
				t.Fatal(err)
			}
			if result.Status != status.InProgressStatus {
				t.Errorf("kstatus says %s: %s", result.Status, result.Message)
			}
		})
	}
}
