package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// companyGrace is for how long an object waits for what it needs before it says that a person must act.
const companyGrace = 5 * time.Second

// requireOrganization stalls unless the Namespace is an organization, and waits until the controllers may write in it. The cache holds no
// other Namespaces. What an object had before its Namespace stopped being one stays as it is. In a Namespace that is being deleted, nothing
// can be made any more.
func (b base) requireOrganization(ctx context.Context, o status.Object) error {
	var ns corev1.Namespace
	err := b.client.Get(ctx, client.ObjectKey{Name: o.GetNamespace()}, &ns)
	if apierrors.IsNotFound(err) {
		return b.missing(o, v1alpha1.ReasonNoOrganization,
			"Namespace %s is not an organization: it has no label %s.", o.GetNamespace(), v1alpha1.LabelOrganization)
	}
	if err == nil && !ns.GetDeletionTimestamp().IsZero() {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Namespace %s is being deleted.", o.GetNamespace())
	}
	if err != nil {
		return err
	}
	return b.requireRights(ctx, &ns)
}

// isInOrganization reports whether the Namespace of an object is an organization that the controllers may write in.
func (b base) isInOrganization(ctx context.Context, o status.Object) bool {
	return b.requireOrganization(ctx, o) == nil
}

// missing stalls an object for the lack of something else, but lets it wait for that at first: both may have been written together, and
// what is gone may be about to be replaced.
func (b base) missing(o status.Object, reason, format string, args ...any) error {
	if left := b.graceLeft(o); left > 0 {
		return phase.Wait(left, v1alpha1.ReasonProgressing, format, args...)
	}
	return phase.Stall(reason, format, args...)
}

// graceLeft returns for how long an object still waits for what belongs to it, which is not positive once it doesn't.
func (b base) graceLeft(o status.Object) time.Duration {
	now := b.clock.Now()
	return companyGrace - now.Sub(changed(o, now))
}

// changed returns since when an object may lack something, as far as that can be told: since it was made, or since it is worked on again,
// which begins now if its spec was changed or if it lacked nothing before.
func changed(o status.Object, now time.Time) time.Time {
	made := o.GetCreationTimestamp().Time
	stalled := meta.IsStatusConditionTrue(o.GetConditions(), v1alpha1.ConditionStalled)
	reconciling := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReconciling)
	switch {
	case reconciling == nil:
		return made
	case reconciling.ObservedGeneration < o.GetGeneration():
		return now
	case stalled:
		return made
	case reconciling.Status == metav1.ConditionTrue:
		return reconciling.LastTransitionTime.Time
	default:
		return now
	}
}
