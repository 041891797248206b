// Package conditions turns what a reconcile saw into the conditions of an object, sums them up as kstatus wants it, and writes the status
// once if it differs.
package conditions

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// maxMessage is the length, in bytes, that a message is cut to: the most that an Event takes. What kubelets and registries answer has
// no bound of its own.
const maxMessage = 1024

// Part is what one condition says of a part of an object.
type Part struct {
	// Type of the condition.
	Type string
	// Status of the condition: True if the part is as the spec wants it.
	Status metav1.ConditionStatus
	// Reason is one of the reasons of package v1alpha1.
	Reason string
	// Message is a sentence for a person.
	Message string
	// Stalled means that a person must act before it can become True.
	Stalled bool
	// Warning makes the condition say nothing of how the object is doing: it is True if there is something to look after. It is no part of
	// Ready.
	Warning bool
}

// Succeeded returns a part that is as it should be.
func Succeeded(conditionType, message string) Part {
	return Part{Type: conditionType, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, Message: message}
}

// Progressing returns a part that the cluster works on.
func Progressing(conditionType, message string) Part {
	return Part{Type: conditionType, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonProgressing, Message: message}
}

// Pending returns a part whose turn has not come.
func Pending(conditionType, message string) Part {
	return Part{Type: conditionType, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending, Message: message}
}

func fromProblem(p *phase.Problem) Part {
	return Part{Type: p.Condition, Status: metav1.ConditionFalse, Reason: p.Reason, Message: p.Message, Stalled: p.Stalled}
}

// Observer says what was seen of a part, once the phases that the condition stands for have succeeded.
type Observer struct {
	// Type of the condition.
	Type string
	// Part returns it.
	Part func() Part
}

// Parts returns a part for each observer, in their order: the problem of its phases, or that they did not run, or what was seen. The
// problem of a gate without a condition of its own comes first, for Ready to show.
func Parts(o *phase.Outcome, observers ...Observer) []Part {
	var parts []Part
	if gate := o.Gate(); gate != nil && gate.Condition == "" {
		parts = append(parts, fromProblem(gate))
	}
	for _, observer := range observers {
		switch problem := o.Problem(observer.Type); {
		case problem != nil:
			parts = append(parts, fromProblem(problem))
		case o.Skipped(observer.Type):
			parts = append(parts, Pending(observer.Type, o.Gate().Message))
		default:
			parts = append(parts, observer.Part())
		}
	}
	return parts
}

// Conditions returns Ready, Reconciling and Stalled, which sum the parts up that are no warnings, and a condition for each part that has a type. Those of
// have keep their transition time where their status stays.
func Conditions(have []metav1.Condition, generation int64, now metav1.Time, parts []Part) []metav1.Condition {
	ready, reconciling, stalled := summarize(slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return p.Warning }))
	all := append([]Part{ready, reconciling, stalled}, parts...)
	conditions := make([]metav1.Condition, 0, len(all))
	for _, p := range all {
		if p.Type == "" {
			continue
		}
		if old := meta.FindStatusCondition(have, p.Type); old != nil {
			conditions = append(conditions, *old)
		}
		meta.SetStatusCondition(&conditions, metav1.Condition{
			Type: p.Type, Status: p.Status, Reason: p.Reason, Message: Cut(p.Message), ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	return conditions
}

// summarize returns Ready, Reconciling and Stalled. A part that needs a person speaks before one that only takes time, and that before
// one that waits for another part.
func summarize(parts []Part) (ready, reconciling, stalled Part) {
	ready = Succeeded(v1alpha1.ConditionReady, "Everything is as the spec asks for.")
	if worst, ok := worst(parts); ok {
		ready = worst
		ready.Type, ready.Status = v1alpha1.ConditionReady, metav1.ConditionFalse
	}
	reconciling = Part{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse, Reason: ready.Reason, Message: ready.Message}
	stalled = Part{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: ready.Reason, Message: ready.Message}
	switch {
	case ready.Status == metav1.ConditionTrue:
	case ready.Stalled:
		stalled.Status = metav1.ConditionTrue
	default:
		reconciling.Status = metav1.ConditionTrue
	}
	return ready, reconciling, stalled
}

func worst(parts []Part) (Part, bool) {
	for _, worse := range []func(Part) bool{
		func(p Part) bool { return p.Stalled },
		func(p Part) bool { return p.Status == metav1.ConditionFalse },
		func(p Part) bool { return p.Status != metav1.ConditionTrue },
	} {
		if i := slices.IndexFunc(parts, worse); i >= 0 {
			return parts[i], true
		}
	}
	return Part{}, false
}

// Cut shortens a text to what a message may have, without leaving half a character behind.
func Cut(message string) string { return cut(message, maxMessage) }

// Append returns a message with a sentence at its end, which is kept even if the message has to be cut.
func Append(message, sentence string) string {
	const room = 2 // For the full stop and the space.
	message = cut(message, maxMessage-len(sentence)-room)
	if message != "" && strings.TrimRight(message, ".!?…") == message {
		message += "."
	}
	return strings.TrimSpace(message + " " + sentence)
}

func cut(message string, most int) string {
	if len(message) <= most {
		return message
	}
	const more = "…"
	end := most - len(more)
	for end > 0 && message[end]&0xC0 == 0x80 {
		end--
	}
	return message[:end] + more
}
