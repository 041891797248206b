package podlogs

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/pullerror"
)

// maxNote is the most bytes of a message that a note repeats.
const maxNote = 1024

// starting are the reasons to wait that every container has for a moment.
var starting = map[string]bool{"": true, "ContainerCreating": true, "PodInitializing": true}

// note is a line that no container printed: "[SUBJECT WHAT]".
func note(subject string, at time.Time, what string) line {
	what = strings.Join(strings.Fields(printable([]byte(what))), " ")
	if len(what) > maxNote {
		what = strings.ToValidUTF8(what[:maxNote], "") + "…"
	}
	return line{time: at, text: "[" + subject + " " + what + "]", subject: subject}
}

// quoted returns a line that a Pod's container printed. Where there are notes, it gets a backslash in front if it begins as those about that Pod or
// its App do, which no other line does.
func (o Options) quoted(pod *corev1.Pod, l line) line {
	if o.WithoutNotes {
		return l
	}
	app := pod.Labels[v1alpha1.LabelApp]
	for _, beginning := range []string{pod.Name + " ", app + " has ", app + " lacks "} {
		if strings.HasPrefix(l.text, "["+beginning) {
			l.text = `\` + l.text
		}
	}
	return l
}

// notes say how a Pod's container ended, at the time when it did, and what it waits for now.
func notes(pod *corev1.Pod, previous bool) (ended, waits []line) {
	if isOver(pod) {
		return []line{failure(pod)}, nil
	}
	if pod.Status.Reason != "" {
		waits = append(waits, waiting(pod, "failed", pod.Status.Reason, pod.Status.Message))
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			waits = append(waits, waiting(pod, "waits for a node", condition.Reason, condition.Message))
		}
	}
	status := statusOf(pod)
	if status == nil {
		return nil, waits
	}
	if last := status.LastTerminationState.Terminated; last != nil {
		ended = append(ended, endOf(pod, last))
	}
	if previous {
		return ended, nil
	}
	if now := status.State.Terminated; now != nil {
		ended = append(ended, endOf(pod, now))
	}
	if state := status.State.Waiting; state != nil && !starting[state.Reason] {
		waits = append(waits, waiting(pod, "waits", state.Reason, waitsFor(status.Image, state)))
	}
	return ended, waits
}

// waitsFor says what a container with an image waits for: in the kubelet's words, unless it is an image.
func waitsFor(image string, state *corev1.ContainerStateWaiting) string {
	if pullerror.IsReason(state.Reason) {
		return pullerror.Parse(image, state.Reason, state.Message).Error()
	}
	return state.Message
}

// waiting is a note about the present, which is summed up with those of other Pods for the same reason.
func waiting(pod *corev1.Pod, what, reason, message string) line {
	l := note(pod.Name, time.Time{}, what+": "+explained(reason, message))
	l.kind = what + ": " + reason
	return l
}

func endOf(pod *corev1.Pod, state *corev1.ContainerStateTerminated) line {
	what := fmt.Sprintf("ended with exit code %d: %s", state.ExitCode, explained(state.Reason, state.Message))
	l := note(pod.Name, state.FinishedAt.Time, what)
	l.id = state.ContainerID
	return l
}

func explained(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// summed returns one note for all of a kind: the first, which says how many other Pods it holds for.
func summed(notes []line) []line {
	others := map[string]int{}
	first := map[string]int{}
	var sums []line
	for _, l := range notes {
		if _, again := first[l.kind]; again && l.kind != "" {
			others[l.kind]++
			continue
		}
		first[l.kind] = len(sums)
		sums = append(sums, l)
	}
	for kind, n := range others {
		l := &sums[first[kind]]
		l.text = strings.TrimSuffix(l.text, "]") + fmt.Sprintf(" (and %s)]", pods(n, "more"))
	}
	return sums
}

func pods(n int, what string) string {
	if n == 1 {
		return "1 " + what + " Pod"
	}
	return fmt.Sprintf("%d %s Pods", n, what)
}

// noPods says why an App may have no Pods.
func noPods(app *v1alpha1.App) line {
	ready := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return note(app.Name, time.Time{}, "has no Pods")
	}
	return note(app.Name, time.Time{}, "has no Pods: "+explained(ready.Reason, ready.Message))
}

// told are the reasons why an App isn't available that either pass or are in the notes about its Pods.
var told = map[string]bool{
	v1alpha1.ReasonProgressing: true, v1alpha1.ReasonPending: true, v1alpha1.ReasonReadinessProbeFailed: true, v1alpha1.ReasonCrashLoopBackOff: true,
	v1alpha1.ReasonUnschedulable: true, v1alpha1.ReasonExecFormatError: true, v1alpha1.ReasonImagePullFailed: true,
	v1alpha1.ReasonImagePullDenied: true, v1alpha1.ReasonImageNotFound: true, v1alpha1.ReasonRunsAsRoot: true, v1alpha1.ReasonEvicted: true,
}

// lacking says what keeps an App's Pods from being created, such as its organization's quota: no Pod can tell.
func lacking(app *v1alpha1.App) []line {
	available := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionAvailable)
	if available == nil || available.Status != metav1.ConditionFalse || told[available.Reason] {
		return nil
	}
	return []line{note(app.Name, time.Time{}, "lacks Pods of its newest version: "+explained(available.Reason, available.Message))}
}

func statusOf(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == container {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// running reports whether a Pod's container runs.
func running(pod *corev1.Pod) bool {
	status := statusOf(pod)
	return status != nil && status.State.Running != nil
}

// currentID identifies the container that a Pod runs now or ran last; empty if it never ran one.
func currentID(pod *corev1.Pod) string {
	status := statusOf(pod)
	if status == nil {
		return ""
	}
	return status.ContainerID
}
