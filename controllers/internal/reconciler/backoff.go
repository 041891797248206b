package reconciler

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
	// retryBase and retryMax are the first and the longest pause after which a reconcile that failed is tried again. Nothing tells
	// when what it failed for has passed, such as a webhook of cert-manager's that was down, so the pauses don't grow for long.
	retryBase = 5 * time.Millisecond
	retryMax  = 30 * time.Second
	// refusalBase and refusalMax are the same for what the API server refuses.
	refusalBase = time.Second
	refusalMax  = 5 * time.Minute
)

// NewRateLimiter returns what says when a reconcile of a controller that failed is tried again.
func NewRateLimiter() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryBase, retryMax)
}

// NewRefusalLimiter returns what says when an object is looked at again for which the API server refuses something.
func NewRefusalLimiter() workqueue.TypedRateLimiter[types.UID] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](refusalBase, refusalMax)
}

// Result returns what the reconcile of an object ends with: an error if a phase or the write of its status failed, or else the soonest of the times
// after which its problems, what the API server refuses, or others want to look at it again; of these, zero is none.
func (b Base) Result(o client.Object, outcome *phase.Outcome, statusErr error, others ...time.Duration) (reconcile.Result, error) {
	refused := b.refused(o, outcome) // Also if it failed, so that it is known how often.
	result, err := outcome.Result()
	if err := errors.Join(err, statusErr); err != nil {
		return reconcile.Result{}, err
	}
	_, contested := b.Contests.Of(o.GetUID())
	for _, after := range append(others, refused, contested) {
		result.RequeueAfter = phase.Sooner(result.RequeueAfter, after)
	}
	return result, nil
}

// refused returns after what time an object is looked at again for which the API server refuses something, or zero if it doesn't. The refusal may
// be one that only a person can mend, such as a quota's, or that of an API server which has just started and doesn't know yet who may do what.
func (b Base) refused(o client.Object, outcome *phase.Outcome) time.Duration {
	if !outcome.Refused() {
		b.Refusals.Forget(o.GetUID())
		return 0
	}
	return b.Refusals.When(o.GetUID())
}
