package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestKeepSetters(t *testing.T) {
	entry := func(manager, subresource string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource}
	}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		entry("facade", ""), entry("operator", "status"), entry("flux", ""), entry("kubectl", "status"),
	}}}
	want := []metav1.ManagedFieldsEntry{entry("facade", ""), entry("flux", "")}
	kept, err := keepSetters(app)
	if err != nil || kept != any(app) {
		t.Fatalf("keepSetters(...) = %v, %v", kept, err)
	}
	if diff := cmp.Diff(want, app.ManagedFields); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
