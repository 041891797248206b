package facade

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestFollowFrom says where following begins when none of the lines that are there are wanted.
func TestFollowFrom(t *testing.T) {
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", ContainerID: "containerd://earlier"}}
	for name, query := range map[string]string{
		"TailNone":   "?follow=true&tail=0",
		"SinceLater": "?follow=true&since=2026-01-01T00:00:05Z",
	} {
		t.Run(name, func(t *testing.T) {
			org, slug, key := loggingApp(t)
			node := newKubelet(t)
			newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState(), LastTerminationState: ended})
			node.print("web", 1, "before")
			node.print("web", 2, "also before")
			f := follow(t, key, appPath(org, slug)+"logs/"+query)
			node.print("web", 6, "after")
			f.want(t, "after")
		})
	}
}
