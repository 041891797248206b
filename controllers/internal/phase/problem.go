package phase

import (
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

// recheckAfter is when a stalled object is looked at again if nothing wakes it when the cause goes: somebody else's
// Secret that was in the way, say. What the API server refuses is looked at sooner at first.
const recheckAfter = 5 * time.Minute

// Problem is why a phase didn't succeed.
type Problem struct {
	// Phase is the name of the phase that didn't succeed.
	Phase string
	// Condition is the type of the condition that shows the problem.
	Condition string
	// Reason and Message are for that condition. They never contain a value of an environment.
	Reason, Message string
	// Stalled means that a person must act.
	Stalled bool

	failed bool
	// refused says that the API server doesn't allow what the phase wants.
	refused bool
	after   time.Duration
}

// Result is how a phase, or a whole reconcile, ended.
type Result string

const (
	// Done is the result when there is nothing left to do.
	Done Result = "done"
	// Waiting is the result when it has to be looked at again, without anything being wrong.
	Waiting Result = "waiting"
	// Stuck is the result when a person must act: stalled.
	Stuck Result = "stalled"
	// Failed is the result when it is tried again, with growing pauses.
	Failed Result = "failed"
)

// Result returns how the phase ended; Done for no problem.
func (p *Problem) Result() Result {
	switch {
	case p == nil:
		return Done
	case p.failed:
		return Failed
	case p.Stalled:
		return Stuck
	default:
		return Waiting
	}
}

// problemError is a problem that a phase has found by itself.
type problemError struct {
	problem Problem
}

// Error returns the message.
func (e *problemError) Error() string { return e.problem.Message }

// Stall returns the error of a phase that can't go on before a person acts. A watch has to wake the object then.
func Stall(reason, format string, args ...any) error {
	return &problemError{Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true}}
}

// Wait returns the error of a phase that has to be run again after a time, without anything being wrong.
func Wait(after time.Duration, reason, format string, args ...any) error {
	return &problemError{Problem{Reason: reason, Message: fmt.Sprintf(format, args...), after: after}}
}

// StallFor returns the error of a phase that can't go on before a person acts, somewhere that nothing watches: it is run again after a time.
func StallFor(after time.Duration, reason, format string, args ...any) error {
	return &problemError{Problem{Reason: reason, Message: fmt.Sprintf(format, args...), Stalled: true, after: after}}
}

// IsProblem reports whether an error was made by Stall, StallFor or Wait.
func IsProblem(err error) bool {
	_, ok := errors.AsType[*problemError](err)
	return ok
}

// Waits reports whether an error was made by Wait, and after what time the phase is to be run again, which is zero if a watch wakes the object.
func Waits(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*problemError](err)
	if !ok || e.problem.Stalled {
		return 0, false
	}
	return e.problem.after, true
}

// classify turns any error of a phase into a problem.
func classify(err error) *Problem {
	if e, ok := errors.AsType[*problemError](err); ok {
		return new(e.problem)
	}
	if e, ok := errors.AsType[*ssa.NotOwnedError](err); ok {
		return &Problem{Reason: v1alpha1.ReasonNotOwned, Message: e.Error() + ".", Stalled: true, after: recheckAfter}
	}
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
		refused := apierrors.IsForbidden(err)
		return &Problem{Reason: v1alpha1.ReasonInvalid, Message: Refusal(err), Stalled: true, refused: refused, after: recheckAfter}
	}
	return &Problem{Reason: v1alpha1.ReasonFailed, Message: "A request to the API server failed and is tried again.", failed: true}
}

// Refusal says why the API server refused a request. What it says of a variable of the environment is left out, since it may quote the
// value.
func Refusal(err error) string {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return "The API server refused the request."
	}
	if apierrors.IsForbidden(err) {
		return "The API server refused: " + status.Status().Message
	}
	details := status.Status().Details
	if details == nil || len(details.Causes) == 0 {
		return "The API server refused the request as invalid."
	}
	causes := make([]string, 0, len(details.Causes))
	for _, c := range details.Causes {
		causes = append(causes, describe(c))
	}
	return fmt.Sprintf("The API server refused %s %s: %s", details.Kind, details.Name, strings.Join(causes, "; "))
}

func describe(c metav1.StatusCause) string {
	if strings.Contains(c.Field, ".env[") {
		return c.Field + " is invalid"
	}
	return c.Field + ": " + c.Message
}
