package ssa

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Journal logs each delete and each adoption, and emits an event about its owner. A nil Journal only logs.
type Journal struct {
	// Recorder emits the events. Required.
	Recorder events.EventRecorder
}

type journalKey struct{}

// With returns a context in which Prune and Adopt report to the journal.
func (j *Journal) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, journalKey{}, j)
}

func journalOf(ctx context.Context) *Journal {
	j, _ := ctx.Value(journalKey{}).(*Journal)
	return j
}

// Deleted reports that an object was deleted. why completes the sentence "Deleted KIND NAME: …", in lower case and without a full stop.
func (j *Journal) Deleted(ctx context.Context, owner metav1.Object, kind string, obj client.Object, why string) {
	log.FromContext(ctx).Info("Deleted an object", "kind", kind, "objectNamespace", obj.GetNamespace(), "objectName", obj.GetName(), "reason", why)
	j.emit(owner, v1alpha1.ReasonDeleted, "Delete"+kind, "Deleted %s %s: %s.", kind, obj.GetName(), why)
}

// adopted reports that an object which no controller owned now belongs to an owner.
func (j *Journal) adopted(ctx context.Context, owner metav1.Object, kind string, obj client.Object) {
	log.FromContext(ctx).Info("Adopted an object", "kind", kind, "objectNamespace", obj.GetNamespace(), "objectName", obj.GetName())
	j.emit(owner, v1alpha1.ReasonAdopted, "Adopt"+kind, "Adopted %s %s, which is now deleted with its owner.", kind, obj.GetName())
}

// emit emits an event about an owner. Events of one owner that differ only in the message count as one, so each kind has its own action.
func (j *Journal) emit(owner metav1.Object, reason, action, message string, args ...any) {
	about, ok := owner.(runtime.Object)
	if j == nil || !ok {
		return
	}
	j.Recorder.Eventf(about, nil, corev1.EventTypeNormal, reason, action, message, args...)
}

// wrote logs that an object was created or changed.
func wrote(ctx context.Context, c client.Client, obj client.Object, verb string) {
	logger := log.FromContext(ctx).V(1)
	if !logger.Enabled() {
		return
	}
	logger.Info(verb+" an object", "kind", kindOf(c, obj), "objectNamespace", obj.GetNamespace(), "objectName", obj.GetName())
}

// kindOf returns the kind of an object, or nothing if the client's scheme doesn't have it.
func kindOf(c client.Client, obj client.Object) string {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return ""
	}
	return gvk.Kind
}
