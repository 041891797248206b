package controllers

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/controllers/internal/phase"
)

const (
	// failedAgain and failedAgainAtMost are the first and the longest pause after which a reconcile that failed is tried again. Nothing tells
	// when what it failed for has passed, such as a webhook of cert-manager's that was down, so the pauses don't grow for long.
	failedAgain       = 5 * time.Millisecond
	failedAgainAtMost = 30 * time.Second
	// refusedAgain and refusedAgainAtMost are the same for what the API server refuses.
	refusedAgain       = time.Second
	refusedAgainAtMost = 5 * time.Minute
)

// newFailures returns what says when a reconcile of a controller that failed is tried again.
func newFailures() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](failedAgain, failedAgainAtMost)
}

// newRefusals returns what says when an object is looked at again for which the API server refuses something.
func newRefusals() workqueue.TypedRateLimiter[types.UID] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](refusedAgain, refusedAgainAtMost)
}

// result returns what the reconcile of an object ends with: an error if a phase or the write of its status failed, or else the soonest of the times
// after which its problems, what the API server refuses, or others want to look at it again; of these, zero is none.
func (b base) result(o client.Object, outcome *phase.Outcome, statusErr error, others ...time.Duration) (reconcile.Result, error) {
	refused := b.refused(o, outcome) // Also if it failed, so that it is known how often.
	result, err := outcome.Result()
	if err := errors.Join(err, statusErr); err != nil {
		return reconcile.Result{}, err
	}
	_, contested := b.contests.Of(o.GetUID())
	for _, after := range append(others, refused, contested) {
		result.RequeueAfter = phase.Sooner(result.RequeueAfter, after)
	}
	return result, nil
}

// refused returns after what time an object is looked at again for which the API server refuses something, or zero if it doesn't. The refusal may
// be one that only a person can mend, such as a quota's, or that of an API server which has just started and doesn't know yet who may do what.
func (b base) refused(o client.Object, outcome *phase.Outcome) time.Duration {
	if !outcome.Refused() {
		b.refusals.Forget(o.GetUID())
		return 0
	}
	return b.refusals.When(o.GetUID())
}
