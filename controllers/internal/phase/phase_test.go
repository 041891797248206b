package phase

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ssa"
)

var errBroken = errors.New("broken")

// failed is what a condition says of any error that isn't one of the others.
var failed = &Problem{Reason: v1alpha1.ReasonFailed, Message: "A request to the API server failed and is tried again."}

func TestRun(t *testing.T) {
	t.Parallel()
	type step struct {
		condition string
		gate      bool
		err       error
	}
	type want struct {
		ran      string
		problems map[string]*Problem
		skipped  []string
		after    time.Duration
		failed   bool
	}
	stall, wait := Stall("S", "stalled"), func(d time.Duration) error { return Wait(d, "W", "waits") }
	cases := map[string]struct {
		steps []step
		want  want
	}{
		"AllWell": {steps: []step{{condition: "A", gate: true}, {condition: "B"}}, want: want{ran: "AB"}},
		"GoesOnBehindAProblem": {
			steps: []step{{condition: "A", err: stall}, {condition: "B"}, {condition: "C", err: errBroken}},
			want: want{
				ran: "ABC", failed: true,
				problems: map[string]*Problem{"A": {Condition: "A", Reason: "S", Message: "stalled", Stalled: true}, "C": of("C", failed)},
			},
		},
		"StopsAtAGate": {
			steps: []step{{condition: "A"}, {condition: "B", gate: true, err: Stall("S", "stalled")}, {condition: "C"}, {condition: "B"}},
			want: want{
				ran: "AB", skipped: []string{"B", "C"},
				problems: map[string]*Problem{"B": {Condition: "B", Reason: "S", Message: "stalled", Stalled: true}},
			},
		},
		"FirstProblemOfACondition": {
			steps: []step{{condition: "A", err: Stall("First", "")}, {condition: "A", err: Stall("Second", "")}},
			want:  want{ran: "AA", problems: map[string]*Problem{"A": {Condition: "A", Reason: "First", Stalled: true}}},
		},
		"SoonestWait": {
			steps: []step{{condition: "A", err: wait(time.Minute)}, {condition: "B", err: wait(time.Second)}, {condition: "C", err: wait(0)}},
			want: want{ran: "ABC", after: time.Second, problems: map[string]*Problem{
				"A": {Condition: "A", Reason: "W", Message: "waits"},
				"B": {Condition: "B", Reason: "W", Message: "waits"},
				"C": {Condition: "C", Reason: "W", Message: "waits"},
			}},
		},
		"FailureComesBeforeWaiting": {
			steps: []step{{condition: "A", err: Wait(time.Minute, "W", "waits")}, {condition: "B", err: errBroken}},
			want: want{ran: "AB", failed: true, problems: map[string]*Problem{
				"A": {Condition: "A", Reason: "W", Message: "waits"}, "B": of("B", failed),
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ran strings.Builder
			var phases []Phase[*strings.Builder]
			for _, s := range tc.steps {
				run := func(_ context.Context, b *strings.Builder) error {
					b.WriteString(s.condition)
					return s.err
				}
				phases = append(phases, Phase[*strings.Builder]{Name: s.condition, Condition: s.condition, Gate: s.gate, Run: run})
			}
			o := Run(t.Context(), &ran, phases...)
			result, err := o.Result()
			got := want{ran: ran.String(), after: result.RequeueAfter, failed: err != nil}
			for _, c := range []string{"A", "B", "C"} {
				if p := o.Problem(c); p != nil {
					if p.Phase != c {
						t.Errorf("the problem of phase %s names the phase %q", c, p.Phase)
					}
					if got.problems == nil {
						got.problems = map[string]*Problem{}
					}
					got.problems[c] = p
				}
				if o.Skipped(c) {
					got.skipped = append(got.skipped, c)
				}
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{}), cmpopts.IgnoreUnexported(Problem{}), cmpopts.IgnoreFields(Problem{}, "Phase")); diff != "" {
				t.Errorf("Run (-want +got):\n%s", diff)
			}
			if got.failed && !errors.Is(err, errBroken) {
				t.Errorf("the error %v doesn't wrap the cause", err)
			}
		})
	}
}

func of(condition string, p *Problem) *Problem {
	c := *p
	c.Condition = condition
	return &c
}

func TestClassify(t *testing.T) {
	t.Parallel()
	kind := schema.GroupKind{Group: "apps", Kind: "Deployment"}
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	env := field.NewPath("spec", "template", "spec", "containers").Index(0).Child("env").Index(3).Child("value")
	cases := map[string]struct {
		err  error
		want *Problem
	}{
		"NotOwned": {
			err:  &ssa.NotOwnedError{Kind: "Service", Name: "web"},
			want: &Problem{Reason: v1alpha1.ReasonNotOwned, Message: "Service web exists already and belongs to somebody else.", Stalled: true},
		},
		"Invalid": {
			err: apierrors.NewInvalid(kind, "web", field.ErrorList{field.Required(field.NewPath("spec", "selector"), "is missing")}),
			want: &Problem{
				Reason: v1alpha1.ReasonInvalid, Stalled: true,
				Message: "The API server refused Deployment web: spec.selector: Required value: is missing",
			},
		},
		"InvalidVariable": {
			err: apierrors.NewInvalid(kind, "web", field.ErrorList{field.Invalid(env, "hunter2", "is bad")}),
			want: &Problem{
				Reason: v1alpha1.ReasonInvalid, Stalled: true,
				Message: "The API server refused Deployment web: spec.template.spec.containers[0].env[3].value is invalid",
			},
		},
		"InvalidWithoutCauses": {
			err:  apierrors.NewInvalid(kind, "web", nil),
			want: &Problem{Reason: v1alpha1.ReasonInvalid, Message: "The API server refused the request as invalid.", Stalled: true},
		},
		"Forbidden": {
			err: apierrors.NewForbidden(resource, "web", errors.New("exceeded quota")),
			want: &Problem{
				Reason: v1alpha1.ReasonInvalid, Stalled: true,
				Message: `The API server refused: deployments.apps "web" is forbidden: exceeded quota`,
			},
		},
		"Conflict": {err: apierrors.NewConflict(resource, "web", errBroken), want: failed},
		"Timeout":  {err: context.DeadlineExceeded, want: failed},
		"Other":    {err: errBroken, want: failed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, classify(tc.err), cmpopts.IgnoreUnexported(Problem{})); diff != "" {
				t.Errorf("classify (-want +got):\n%s", diff)
			}
		})
	}
}

// What nothing wakes has to be looked at again by itself.
func TestStalledIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err  error
		want time.Duration
	}{
		"Quota":    {err: apierrors.NewForbidden(schema.GroupResource{}, "web", errBroken), want: recheckAfter},
		"NotOwned": {err: &ssa.NotOwnedError{}, want: recheckAfter},
		"Woken":    {err: Stall("S", "stalled"), want: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Run(t.Context(), 0, Phase[int]{Run: func(context.Context, int) error { return tc.err }})
			result, err := o.Result()
			if err != nil || result.RequeueAfter != tc.want {
				t.Errorf("looks again after %s (error %v), want %s", result.RequeueAfter, err, tc.want)
			}
		})
	}
}
