package conditions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

var (
	good    = Succeeded("A", "A is well.")
	working = Progressing("B", "B works.")
	stuck   = Part{Type: "C", Status: metav1.ConditionFalse, Reason: "Stuck", Message: "C is stuck.", Stalled: true}
	waiting = Pending("D", "D waits.")
	warning = Part{Type: "W", Status: metav1.ConditionTrue, Reason: "Soon", Message: "W comes.", Warning: true}
	silence = Part{Type: "W", Status: metav1.ConditionFalse, Reason: "Succeeded", Message: "No W.", Warning: true}
)

// short is a condition without what is the same in all of them.
type short struct {
	Status          metav1.ConditionStatus
	Reason, Message string
}

func shorten(conditions []metav1.Condition) map[string]short {
	m := map[string]short{}
	for _, c := range conditions {
		m[c.Type] = short{c.Status, c.Reason, c.Message}
	}
	return m
}

func TestSummary(t *testing.T) {
	t.Parallel()
	const well = "Everything is as the spec asks for."
	cases := map[string]struct {
		parts []Part
		// Ready, Reconciling and Stalled.
		want [3]short
	}{
		"Well": {
			parts: []Part{good},
			want:  [3]short{{"True", "Succeeded", well}, {"False", "Succeeded", well}, {"False", "Succeeded", well}},
		},
		"WarningsSayNothing": {
			parts: []Part{warning, good},
			want:  [3]short{{"True", "Succeeded", well}, {"False", "Succeeded", well}, {"False", "Succeeded", well}},
		},
		"Progressing": {
			parts: []Part{good, working},
			want: [3]short{
				{"False", "Progressing", "B works."}, {"True", "Progressing", "B works."}, {"False", "Progressing", "B works."},
			},
		},
		"StalledSpeaksFirst": {
			parts: []Part{waiting, working, stuck},
			want:  [3]short{{"False", "Stuck", "C is stuck."}, {"False", "Stuck", "C is stuck."}, {"True", "Stuck", "C is stuck."}},
		},
		"ProgressSpeaksBeforeWaiting": {
			parts: []Part{waiting, working},
			want: [3]short{
				{"False", "Progressing", "B works."}, {"True", "Progressing", "B works."}, {"False", "Progressing", "B works."},
			},
		},
		"WaitingIsNotReady": {
			parts: []Part{good, waiting},
			want:  [3]short{{"False", "Pending", "D waits."}, {"True", "Pending", "D waits."}, {"False", "Pending", "D waits."}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := shorten(Conditions(nil, 1, metav1.Now(), tc.parts))
			for i, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
				if diff := cmp.Diff(tc.want[i], got[conditionType]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", conditionType, diff)
				}
			}
			for _, p := range tc.parts {
				if diff := cmp.Diff(short{p.Status, p.Reason, p.Message}, got[p.Type]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", p.Type, diff)
				}
			}
		})
	}
}

func TestConditionsKeepTransitionTimes(t *testing.T) {
	t.Parallel()
	before := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	now := metav1.NewTime(before.Add(time.Hour))
	have := []metav1.Condition{
		{Type: "A", Status: metav1.ConditionTrue, Reason: "Old", ObservedGeneration: 1, LastTransitionTime: before},
		{Type: "B", Status: metav1.ConditionTrue, Reason: "Old", ObservedGeneration: 1, LastTransitionTime: before},
		{Type: "NoLongerOwned", Status: metav1.ConditionTrue, Reason: "Old", LastTransitionTime: before},
	}
	type want struct {
		at         metav1.Time
		generation int64
		reason     string
	}
	got := map[string]want{}
	for _, c := range Conditions(have, 2, now, []Part{good, working, waiting}) {
		got[c.Type] = want{c.LastTransitionTime, c.ObservedGeneration, c.Reason}
	}
	delete(got, v1alpha1.ConditionReady)
	delete(got, v1alpha1.ConditionReconciling)
	delete(got, v1alpha1.ConditionStalled)
	expected := map[string]want{"A": {before, 2, "Succeeded"}, "B": {now, 2, "Progressing"}, "D": {now, 2, "Pending"}}
	if diff := cmp.Diff(expected, got, cmp.AllowUnexported(want{})); diff != "" {
		t.Errorf("Conditions (-want +got):\n%s", diff)
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	step := func(condition string, gate bool, err error) phase.Phase[int] {
		return phase.Phase[int]{Condition: condition, Gate: gate, Run: func(context.Context, int) error { return err }}
	}
	stall := func() error { return phase.Stall("Stuck", "It is stuck.") }
	seen := func(t string) Part { return Succeeded(t, "seen") }
	blocked := func(t string) Part {
		return Part{Type: t, Status: metav1.ConditionFalse, Reason: "Stuck", Message: "It is stuck.", Stalled: true}
	}
	cases := map[string]struct {
		phases []phase.Phase[int]
		want   []Part
	}{
		"Seen":    {phases: []phase.Phase[int]{step("A", false, nil)}, want: []Part{seen("A"), seen("B")}},
		"Problem": {phases: []phase.Phase[int]{step("A", false, stall())}, want: []Part{blocked("A"), seen("B")}},
		"NamelessGate": {
			phases: []phase.Phase[int]{step("", true, stall()), step("A", false, nil), step("B", false, nil)},
			want:   []Part{blocked(""), Pending("A", "It is stuck."), Pending("B", "It is stuck.")},
		},
		"Gate": {
			phases: []phase.Phase[int]{step("A", true, stall()), step("B", false, nil), step("A", false, nil)},
			want:   []Part{blocked("A"), Pending("B", "It is stuck.")},
		},
		"Failure": {
			phases: []phase.Phase[int]{step("B", false, errors.New("broken"))},
			want: []Part{seen("A"), {
				Type: "B", Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonFailed,
				Message: "A request to the API server failed and is tried again.",
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Parts(phase.Run(t.Context(), 0, tc.phases...),
				Observer{Type: "A", Part: func() Part { return seen("A") }},
				Observer{Type: "B", Part: func() Part { return seen("B") }})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		message string
		whole   bool
	}{
		"Short":      {message: "short", whole: true},
		"Longest":    {message: strings.Repeat("a", maxMessage), whole: true},
		"TooLong":    {message: strings.Repeat("a", maxMessage+1)},
		"Characters": {message: strings.Repeat("ä€", maxMessage)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Cut(tc.message)
			if (got == tc.message) != tc.whole || len(got) > maxMessage || !utf8.ValidString(got) {
				t.Errorf("cut left %d bytes of %d: %.20q…", len(got), len(tc.message), got)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	const last = "The previous version keeps serving."
	cases := map[string]struct{ message, want string }{
		"None":     {"", last},
		"Sentence": {"No room.", "No room. " + last},
		"Words":    {"not found", "not found. " + last},
		"Quotes":   {`no tag "v9"`, `no tag "v9". ` + last},
		"TooLong":  {strings.Repeat("a", maxMessage), strings.Repeat("a", maxMessage-len(last)-len(" .…")) + "… " + last},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Append(tc.message, last)
			if diff := cmp.Diff(tc.want, got); diff != "" || Cut(got) != got {
				t.Errorf("a message of %d bytes (-want +got):\n%s", len(got), diff)
			}
		})
	}
}

// recorder counts events, and what was being done when they came up.
type recorder struct{ events, actions []string }

func (r *recorder) Eventf(_, _ runtime.Object, eventType, reason, action, _ string, _ ...any) {
	r.events, r.actions = append(r.events, eventType+" "+reason), append(r.actions, action)
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	unknown := []metav1.Condition(nil)
	ready := func(parts ...Part) []metav1.Condition { return Conditions(nil, 1, metav1.Now(), parts) }
	cases := map[string]struct {
		before, after []metav1.Condition
		want          []string
	}{
		"NewAndWorking":  {before: unknown, after: ready(working)},
		"NewAndStuck":    {before: unknown, after: ready(stuck), want: []string{"Warning Stuck"}},
		"BecomesReady":   {before: ready(working), after: ready(good), want: []string{"Normal Succeeded"}},
		"StaysReady":     {before: ready(good), after: ready(good)},
		"StaysStuck":     {before: ready(stuck), after: ready(stuck, working)},
		"GetsStuck":      {before: ready(good), after: ready(stuck), want: []string{"Warning Stuck"}},
		"IsWorkedOn":     {before: ready(good), after: ready(working)},
		"WaitsForOthers": {before: ready(stuck), after: ready(waiting)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{}
			app := &v1alpha1.App{Status: v1alpha1.AppStatus{Conditions: tc.before}}
			Announce(r, app, tc.after)
			if diff := cmp.Diff(tc.want, r.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWarn(t *testing.T) {
	t.Parallel()
	later := warning
	later.Reason = "Sooner"
	conditions := func(p Part) []metav1.Condition { return Conditions(nil, 1, metav1.Now(), []Part{p}) }
	cases := map[string]struct {
		before, after []metav1.Condition
		want          []string
	}{
		"New":     {after: conditions(warning), want: []string{"Warning Soon"}},
		"Begins":  {before: conditions(silence), after: conditions(warning), want: []string{"Warning Soon"}},
		"Stays":   {before: conditions(warning), after: conditions(warning)},
		"Goes on": {before: conditions(warning), after: conditions(later), want: []string{"Warning Sooner"}},
		"Ends":    {before: conditions(warning), after: conditions(silence)},
		"Unknown": {before: conditions(warning)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{}
			Warn(r, &v1alpha1.Domain{Status: v1alpha1.DomainStatus{Conditions: tc.before}}, tc.after, "W")
			if diff := cmp.Diff(tc.want, r.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// Each problem that a person must act on has an event of its own, also where two have the same reason.
func TestComplain(t *testing.T) {
	t.Parallel()
	step := func(name string, err error) phase.Phase[int] {
		return phase.Phase[int]{Name: name, Run: func(context.Context, int) error { return err }}
	}
	stuck := phase.Stall("Stuck", "Do something.")
	outcome := phase.Run(t.Context(), 0,
		step("first", stuck), step("second", stuck), step("waiting", phase.Wait(0, "Soon", "It goes on.")), step("fine", nil))
	r := &recorder{}
	Complain(r, &v1alpha1.App{}, outcome)
	if diff := cmp.Diff([]string{"Warning Stuck", "Warning Stuck"}, r.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"first", "second"}, r.actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
}
