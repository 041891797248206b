package controllers

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// evictionTold is for how long an App says that one of its Pods was evicted. It bridges the time between two evictions of a program that
	// uses more than it may, in which its Pods are ready.
	evictionTold = 5 * time.Minute
	// evictedReason is what the kubelet writes into the status of a Pod that used too much of its node or of its limits.
	evictedReason = "Evicted"
)

// isEnding reports whether a Pod has ended for good or is about to be ended from outside. The exit of its container is then not a crash.
func isEnding(pod *corev1.Pod) bool {
	return isDead(pod) || podCondition(pod, corev1.DisruptionTarget).Status == corev1.ConditionTrue
}

// isDead reports whether the containers of a Pod have ended and are never started again. As an App's containers always are, a kubelet has ended or
// rejected the Pod, and another takes its place.
func isDead(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// evicted returns what the newest Pod that a kubelet has ended tells, and after what time that is not told any more; nil if none was ended lately.
//
// It lasts, even while all Pods are ready, if the Pod used too much, which its successor will do as well, or if it was not the only one. A Pod that had
// to go for its node, as when that shuts down, is replaced, and then all is well.
func evicted(pods []corev1.Pod, now time.Time) (*symptom, time.Duration) {
	var last time.Time
	var words string
	lately, usedTooMuch := 0, false
	for i := range pods {
		reason, said := evictionOf(&pods[i])
		at := endedAt(&pods[i])
		if reason == "" || now.Sub(at) >= evictionTold {
			continue
		}
		lately++
		usedTooMuch = usedTooMuch || reason == evictedReason
		message := fmt.Sprintf("A kubelet has ended a Pod (%s)", reason)
		if said != "" {
			message += ": " + said
		}
		if at.After(last) || at.Equal(last) && message < words {
			last, words = at, message
		}
	}
	if lately == 0 {
		return nil, 0
	}
	s := &symptom{rank: rankEvicted, reason: v1alpha1.ReasonEvicted, message: words, lasts: usedTooMuch || lately > 1}
	return s, evictionTold - now.Sub(last)
}

// evictionOf returns the reason for which a kubelet has ended or rejected a Pod, and its words; both are empty if it has not. A Pod whose
// program ends with 0 when it is told to is Succeeded, and then the reason is in the condition alone.
func evictionOf(pod *corev1.Pod) (reason, message string) {
	target := podCondition(pod, corev1.DisruptionTarget)
	byKubelet := target.Status == corev1.ConditionTrue && target.Reason == corev1.PodReasonTerminationByKubelet
	if !isDead(pod) && !byKubelet {
		return "", ""
	}
	reason, message = pod.Status.Reason, strings.TrimSpace(pod.Status.Message)
	if reason == "" && byKubelet {
		reason = evictedReason
	}
	if message == "" && byKubelet {
		message = strings.TrimSpace(target.Message)
	}
	return reason, message
}

// endedAt returns when a Pod ended, or the latest that is known of it: when a condition changed, or else when it was created.
func endedAt(pod *corev1.Pod) time.Time {
	at := pod.GetCreationTimestamp().Time
	later := func(t time.Time) {
		if t.After(at) {
			at = t
		}
	}
	for _, c := range pod.Status.Conditions {
		later(c.LastTransitionTime.Time)
	}
	for _, c := range pod.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil {
			later(t.FinishedAt.Time)
		}
	}
	return at
}
