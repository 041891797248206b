package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
)

// refusedAgain is the least time after which something that was refused is tried again.
const refusedAgain = time.Second

// refused returns after what time an object is looked at again that the API server refuses something, or zero if it doesn't: once that has
// lasted as long again. The refusal may be one that only a person can mend, such as a quota's, or that of an API server which has just started
// and doesn't know yet who may do what.
func (b base) refused(o status.Object, outcome *phase.Outcome) time.Duration {
	if !outcome.Refused() {
		return 0
	}
	stalled := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionStalled)
	if stalled == nil || stalled.Status != metav1.ConditionTrue {
		return refusedAgain
	}
	return max(refusedAgain, b.clock.Since(stalled.LastTransitionTime.Time))
}
