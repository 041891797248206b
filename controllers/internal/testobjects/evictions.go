package testobjects

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a kubelet says when a Pod has used up its ephemeral storage, and what Berth makes of it.
const (
	DiskUsed    = "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi."
	EvictedDisk = "A kubelet has ended a Pod (Evicted): " + DiskUsed
)

// PodEnded is a Pod that a kubelet has ended some time ago.
func PodEnded(phase corev1.PodPhase, reason, message string, at time.Time) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: phase, Reason: reason, Message: message,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(at)}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, FinishedAt: metav1.NewTime(at)}},
		}},
	}
}

// Disrupted says of a Pod that it is ended from outside.
func Disrupted(s corev1.PodStatus, reason, message string) corev1.PodStatus {
	s.Conditions = append(s.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason, Message: message,
	})
	return s
}
