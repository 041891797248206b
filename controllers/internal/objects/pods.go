package objects

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// EvictedReason is what the kubelet writes into the status of a Pod that used too much of its node or of its limits.
	EvictedReason = "Evicted"
)

// IsDead reports whether the containers of a Pod have ended and are never started again. As an App's containers always are, a kubelet has ended or
// rejected the Pod, and another takes its place.
func IsDead(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// EvictionOf returns the reason for which a kubelet has ended or rejected a Pod, and its words; both are empty if it has not. A Pod whose
// program ends with 0 when it is told to is Succeeded, and then the reason is in the condition alone.
func EvictionOf(pod *corev1.Pod) (reason, message string) {
	target := PodCondition(pod, corev1.DisruptionTarget)
	byKubelet := target.Status == corev1.ConditionTrue && target.Reason == corev1.PodReasonTerminationByKubelet
	if !IsDead(pod) && !byKubelet {
		return "", ""
	}
	reason, message = pod.Status.Reason, strings.TrimSpace(pod.Status.Message)
	if reason == "" && byKubelet {
		reason = EvictedReason
	}
	if message == "" && byKubelet {
		message = strings.TrimSpace(target.Message)
	}
	return reason, message
}

// EndedAt returns when a Pod ended, or the latest that is known of it: when a condition changed, or else when it was created.
func EndedAt(pod *corev1.Pod) time.Time {
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

// RevisionAnnotation is the number that the Deployment controller gives to a version, on the Deployment and on the version's ReplicaSet.
const RevisionAnnotation = "deployment.kubernetes.io/revision"

// PodCondition returns the condition of a type, which is empty if the Pod doesn't have it.
func PodCondition(pod *corev1.Pod, t corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == t {
			return c
		}
	}
	return corev1.PodCondition{}
}
