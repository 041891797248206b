package app

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
)

const (
	// evictionTold is for how long an App says that one of its Pods was evicted. It bridges the time between two evictions of a program that
	// uses more than it may, in which its Pods are ready.
	evictionTold = 5 * time.Minute
)

// isEnding reports whether a Pod has ended for good or is about to be ended from outside. The exit of its container is then not a crash.
func isEnding(pod *corev1.Pod) bool {
	return objects.IsDead(pod) || objects.PodCondition(pod, corev1.DisruptionTarget).Status == corev1.ConditionTrue
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
		reason, said := objects.EvictionOf(&pods[i])
		at := objects.EndedAt(&pods[i])
		if reason == "" || now.Sub(at) >= evictionTold {
			continue
		}
		lately++
		usedTooMuch = usedTooMuch || reason == objects.EvictedReason
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
