// Package testobjects builds objects for tests, such as the statuses that a kubelet reports of Pods.
package testobjects

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ReadyAfterCrash is a Pod that has crashed before and is ready now.
func ReadyAfterCrash() corev1.PodStatus {
	s := PodReady()
	s.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
	return s
}

// ReadyAgain is a Pod that crashed a minute after its start, and whose container was started again at a time and is ready since then.
func ReadyAgain(since time.Time) corev1.PodStatus {
	s := ReadyAfterCrash()
	at := metav1.NewTime(since)
	s.Conditions[0].LastTransitionTime = at
	container := &s.ContainerStatuses[0]
	container.State.Running.StartedAt = at
	container.LastTerminationState.Terminated.StartedAt, container.LastTerminationState.Terminated.FinishedAt = metav1.NewTime(since.Add(-time.Minute)), at
	return s
}

// Unreachable is what is said of a registry that no image comes from, whatever the cause.
const Unreachable = "The registry cannot be reached, or does not answer as a registry."

// A registry of Amazon ECR, and an image in it.
const (
	ECRHost  = "222222222222.dkr.ecr.eu-west-1.amazonaws.com"
	ECRImage = ECRHost + "/shop/web:v1"
)

// Digest is an image by its digest.
const Digest = "registry.example.com/shop/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// PodReady returns the status of a Pod that is ready.
func PodReady() corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, ImageID: Digest,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		}},
	}
}

// PodWaiting returns the status of a Pod whose container waits.
func PodWaiting(reason, message string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase:      corev1.PodPending,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name:  "app",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		}},
	}
}

// PodCrashed returns the status of a Pod whose container has ended.
func PodCrashed(ended corev1.ContainerStateTerminated) corev1.PodStatus {
	s := PodWaiting("CrashLoopBackOff", "back-off 10s restarting failed container")
	s.Phase = corev1.PodRunning
	s.ContainerStatuses[0].RestartCount = 3
	s.ContainerStatuses[0].LastTerminationState = corev1.ContainerState{Terminated: &ended}
	return s
}

// PodEvicted returns the status of an evicted Pod.
func PodEvicted() corev1.PodStatus {
	s := PodCrashed(corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"})
	s.Phase, s.Reason = corev1.PodFailed, "Evicted"
	return s
}

// PodRunningFor returns the status of a Pod whose container runs for some time and is not ready.
func PodRunningFor(d time.Duration, now time.Time) corev1.PodStatus {
	s := PodReady()
	s.Conditions[0].Status = corev1.ConditionFalse
	s.ContainerStatuses[0].Ready = false
	s.ContainerStatuses[0].State.Running.StartedAt = metav1.NewTime(now.Add(-d))
	return s
}

// PodUnschedulable returns the status of a Pod that cannot be scheduled.
func PodUnschedulable(message string) corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message,
	}}}
}
