package podlogs

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// starting are the reasons to wait that every container has for a moment.
var starting = map[string]bool{"": true, "ContainerCreating": true, "PodInitializing": true}

// note is a line that isn't the container's own.
func note(pod *corev1.Pod, at time.Time, what string) line {
	return line{time: at, text: "[" + pod.Name + " " + strings.Join(strings.Fields(what), " ") + "]"}
}

// notes say how a Pod's container ended, at the time when it did, and what it waits for now.
func notes(pod *corev1.Pod, previous bool) (ended, waits []line) {
	if pod.Status.Reason != "" {
		waits = append(waits, note(pod, time.Time{}, "failed: "+reason(pod.Status.Reason, pod.Status.Message)))
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			waits = append(waits, note(pod, time.Time{}, "waits for a node: "+reason(condition.Reason, condition.Message)))
		}
	}
	status := statusOf(pod)
	if status == nil {
		return nil, waits
	}
	if last := status.LastTerminationState.Terminated; last != nil {
		ended = append(ended, note(pod, last.FinishedAt.Time, endOf(last)))
	}
	if previous {
		return ended, nil
	}
	if now := status.State.Terminated; now != nil {
		ended = append(ended, note(pod, now.FinishedAt.Time, endOf(now)))
	}
	if waiting := status.State.Waiting; waiting != nil && !starting[waiting.Reason] {
		waits = append(waits, note(pod, time.Time{}, "waits: "+reason(waiting.Reason, waiting.Message)))
	}
	return ended, waits
}

func endOf(state *corev1.ContainerStateTerminated) string {
	return fmt.Sprintf("ended with exit code %d: %s", state.ExitCode, reason(state.Reason, state.Message))
}

func reason(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// noPods says why an App may have no Pods.
func noPods(app *v1alpha1.App) string {
	ready := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return fmt.Sprintf("[%s has no Pods]", app.Name)
	}
	return fmt.Sprintf("[%s has no Pods: %s]", app.Name, reason(ready.Reason, ready.Message))
}

func statusOf(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == container {
			return &pod.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// running tells whether a Pod's container runs.
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
