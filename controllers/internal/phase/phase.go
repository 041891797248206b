// Package phase runs the ordered phases of a reconcile and sorts what went wrong into three outcomes: waiting (come back then), stalled
// (a person must act) and failed (try again, with growing pauses).
package phase

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Phase is one step of a reconcile, over a scope of type S that the phases share.
type Phase[S any] struct {
	// Name of the phase, for errors and events.
	Name string
	// Condition is the type of the condition that says how the phase went. A gate may have none.
	Condition string
	// Gate makes the phases after this one not run unless it succeeds. Phases behind one that is no gate run whatever becomes of it.
	Gate bool
	// Run does the step. An error made by Stall or Wait has that outcome; others are judged by what they are.
	Run func(ctx context.Context, scope S) error
}

// Outcome is what came of the phases.
type Outcome struct {
	problems []*Problem
	errs     []error
	gate     *Problem
	skipped  []string
}

// Run runs the phases in their order.
func Run[S any](ctx context.Context, scope S, phases ...Phase[S]) *Outcome {
	o := &Outcome{}
	for _, p := range phases {
		if o.gate != nil {
			o.skipped = append(o.skipped, p.Condition)
			continue
		}
		problem := o.run(ctx, p.Name, p.Condition, func(ctx context.Context) error { return p.Run(ctx, scope) })
		if problem != nil && p.Gate {
			o.gate = problem
		}
	}
	return o
}

// run runs one phase, and returns what kept it from succeeding, or nil.
func (o *Outcome) run(ctx context.Context, name, condition string, do func(context.Context) error) *Problem {
	ctx, end := begin(ctx, name)
	var problem *Problem
	if err := do(ctx); err != nil {
		problem = o.add(name, condition, err)
	}
	end(problem)
	return problem
}

func (o *Outcome) add(name, condition string, err error) *Problem {
	problem := classify(err)
	problem.Phase, problem.Condition = name, condition
	o.problems = append(o.problems, problem)
	if problem.failed {
		o.errs = append(o.errs, fmt.Errorf("%s: %w", name, err))
	}
	return problem
}

// Gate returns what kept the later phases from running, or nil.
func (o *Outcome) Gate() *Problem { return o.gate }

// Skipped reports whether a phase that a condition stands for didn't run.
func (o *Outcome) Skipped(condition string) bool { return slices.Contains(o.skipped, condition) }

// Problems returns what kept phases from succeeding, in their order.
func (o *Outcome) Problems() []*Problem { return o.problems }

// Problem returns the first problem of the phases that a condition stands for, or nil.
func (o *Outcome) Problem(condition string) *Problem {
	for _, p := range o.problems {
		if p.Condition == condition {
			return p
		}
	}
	return nil
}

// Refused reports whether the API server doesn't allow something that a phase wants, be it for lack of a right, of a quota or of what decides on
// that.
func (o *Outcome) Refused() bool {
	return slices.ContainsFunc(o.problems, func(p *Problem) bool { return p.refused })
}

// Result returns what the reconcile ends with: an error if a phase failed, or else the soonest time that a problem wants to be looked
// at again.
func (o *Outcome) Result() (reconcile.Result, error) {
	if len(o.errs) > 0 {
		return reconcile.Result{}, errors.Join(o.errs...)
	}
	var after time.Duration
	for _, p := range o.problems {
		after = Sooner(after, p.after)
	}
	return reconcile.Result{RequeueAfter: after}, nil
}

// Sooner returns the shorter of two waits, of which zero means that there is nothing to wait for.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
