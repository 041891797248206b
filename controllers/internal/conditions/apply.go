package conditions

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// action is what the controllers were doing when an event came up, as the events API wants it said.
const action = "Reconcile"

// Object is what has conditions.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
}

// Apply writes the status of an object, of which want is the apply configuration with the status and nothing else, if it differs.
func Apply[O client.Object, C ssa.Configuration[C]](ctx context.Context, c client.Client, obj O, want C, extract ssa.Extract[O, C]) error {
	same, err := ssa.Same(obj, want, extract)
	if err != nil || same {
		return err
	}
	// With the UID, the status of an object that was deleted meanwhile is never written to its successor.
	err = c.Status().Apply(ctx, want.WithUID(obj.GetUID()), client.FieldOwner(v1alpha1.FieldOwner), client.ForceOwnership)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	return nil
}

// Convert turns a status into its apply configuration.
func Convert[C any](status any) (*C, error) {
	raw, err := json.Marshal(status)
	if err != nil {
		return nil, fmt.Errorf("convert status: %w", err)
	}
	config := new(C)
	if err := json.Unmarshal(raw, config); err != nil {
		return nil, fmt.Errorf("convert status: %w", err)
	}
	return config, nil
}

// Announce emits an event when Ready changes to something that a person may want to know: that all is well, or why it isn't. That the
// cluster works on it is no news.
func Announce(recorder events.EventRecorder, obj Object, now []metav1.Condition) {
	before := meta.FindStatusCondition(obj.GetConditions(), v1alpha1.ConditionReady)
	ready := meta.FindStatusCondition(now, v1alpha1.ConditionReady)
	if before != nil && before.Status == ready.Status && before.Reason == ready.Reason {
		return
	}
	if ready.Reason == v1alpha1.ReasonProgressing || ready.Reason == v1alpha1.ReasonPending {
		return
	}
	eventType := corev1.EventTypeWarning
	if ready.Status == metav1.ConditionTrue {
		eventType = corev1.EventTypeNormal
	}
	recorder.Eventf(obj, nil, eventType, ready.Reason, action, "%s", ready.Message)
}

// Warn emits an event when the condition of a warning becomes True, or is for another reason.
func Warn(recorder events.EventRecorder, obj Object, now []metav1.Condition, conditionType string) {
	before := meta.FindStatusCondition(obj.GetConditions(), conditionType)
	warning := meta.FindStatusCondition(now, conditionType)
	if warning == nil || warning.Status != metav1.ConditionTrue || before != nil && before.Reason == warning.Reason {
		return
	}
	recorder.Eventf(obj, nil, corev1.EventTypeWarning, warning.Reason, action, "%s", warning.Message)
}

// Note emits an event that reports what the controllers have done.
func Note(recorder events.EventRecorder, obj client.Object, reason, message string) {
	recorder.Eventf(obj, nil, corev1.EventTypeNormal, reason, action, "%s", Cut(message))
}

// Complain emits an event for each problem that a person must act on. It is for an object that has no conditions to say so. The
// phase is the action of its event: events of one object that differ in nothing but the message count as one.
func Complain(recorder events.EventRecorder, obj client.Object, o *phase.Outcome) {
	for _, p := range o.Problems() {
		if p.Stalled {
			recorder.Eventf(obj, nil, corev1.EventTypeWarning, p.Reason, p.Phase, "%s", Cut(p.Message))
		}
	}
}
