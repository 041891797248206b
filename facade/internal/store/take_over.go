package store

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/translate"
)

// takeOver makes fields of an object the facade's, and changes no value. The cache does not have the whole record of who owns what, so that is read
// first. It returns the version of the object after that; the error is a conflict if the object is not the one that was observed.
func (w *writer) takeOver(kind string, observed client.Object, t *translate.Takeover) (string, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := w.own.Get(w.ctx, client.ObjectKeyFromObject(observed), live); err != nil {
		return "", err
	}
	if live.GetResourceVersion() != observed.GetResourceVersion() {
		return "", stale(kind, observed.GetName())
	}
	entries, err := t.Apply(live.GetManagedFields())
	if err != nil {
		return "", fmt.Errorf("take over fields of %s %s: %w", kind, observed.GetName(), err)
	}
	before := live.DeepCopy()
	live.SetManagedFields(entries)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.client.Patch(w.ctx, live, patch, client.FieldOwner(v1alpha1.FieldOwnerFacade)); err != nil {
		return "", err
	}
	return live.GetResourceVersion(), nil
}
