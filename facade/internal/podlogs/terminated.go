package podlogs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// isOver reports whether a Pod has come to its end, as one does that was evicted or that its node didn't admit.
func isOver(pod *corev1.Pod) bool {
	return (pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded) && !running(pod)
}

// failure says why a Pod has come to its end.
func failure(pod *corev1.Pod) line {
	verb := "failed"
	if pod.Status.Phase == corev1.PodSucceeded {
		verb = "ended"
	}
	return note(pod.Name, overSince(pod), verb+": "+explained(cause(pod), pod.Status.Message))
}

// cause is why a Pod has come to its end, in one word of the kubelet's.
func cause(pod *corev1.Pod) string {
	if status := statusOf(pod); pod.Status.Reason == "" && status != nil && status.State.Terminated != nil {
		return cmp.Or(status.State.Terminated.Reason, string(pod.Status.Phase))
	}
	return cmp.Or(pod.Status.Reason, string(pod.Status.Phase))
}

// overSince is when a Pod came to its end, as far as it is known. One that its node didn't admit had no containers.
func overSince(pod *corev1.Pod) time.Time {
	if status := statusOf(pod); status != nil && status.State.Terminated != nil && !status.State.Terminated.FinishedAt.IsZero() {
		return status.State.Terminated.FinishedAt.Time
	}
	at := pod.CreationTimestamp.Time
	if start := pod.Status.StartTime; start != nil && start.After(at) {
		at = start.Time
	}
	for _, condition := range pod.Status.Conditions {
		if condition.LastTransitionTime.After(at) {
			at = condition.LastTransitionTime.Time
		}
	}
	return at
}

// failures sum up Pods that have come to their end, at the time when the last of them did.
func failures(app string, over []*corev1.Pod) []line {
	if len(over) == 0 {
		return nil
	}
	last := slices.MaxFunc(over, func(a, b *corev1.Pod) int { return overSince(a).Compare(overSince(b)) })
	if len(over) == 1 {
		return []line{failure(last)}
	}
	count := map[string]int{}
	for _, pod := range over {
		count[cause(pod)]++
	}
	causes := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	for i, why := range causes {
		causes[i] = fmt.Sprintf("%d %s", count[why], why)
	}
	what := fmt.Sprintf("has %s: %s. The last one, %s", pods(len(over), "terminated"), strings.Join(causes, ", "), last.Name)
	return []line{note(app, overSince(last), what+": "+explained(cause(last), last.Status.Message))}
}
