package app

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/pullerror"
	"github.com/berth-dev/berth/internal/registry"
)

const (
	// startGrace is for how long a container may run before it counts as Unready.
	startGrace = 10 * time.Second
	// longestRun bounds for how long a container that was started again is judged by how it ended before. After this time, the kubelet forgets it too.
	longestRun = 10 * time.Minute
	// crashLoop is the reason that the kubelet gives while it waits before it starts a container again.
	crashLoop = "CrashLoopBackOff"
)

// Ranks of symptoms; the lowest one speaks for the App.
const (
	rankPull = iota
	rankConfig
	rankCrash
	rankUnschedulable
	rankEvicted
	// rankFirstEnd is that of a container that has ended and was never started again. If others were evicted, it is most likely being evicted too.
	rankFirstEnd
	rankUnready
)

const (
	// runsAsRoot is what the kubelet says of an image that must not run as root and does, or has a user of whom it does not know.
	runsAsRoot = "runAsNonRoot"
	rootAdvice = "The organization's Pod Security level, restricted, does not allow images that run as root. Set USER in the image to the number of " +
		"another user, or ask the platform's administrators for the level baseline. The kubelet says: "
)

// symptom is what keeps a Pod from being ready.
type symptom struct {
	reason, message string
	// config says that the environment can't be read.
	config bool
	// lasts says that it is told even while all Pods are ready.
	lasts bool
	rank  int
}

// diagnose returns the gravest symptom of the Pods, or nil, and after what time it has to be asked again since time alone changes the answer.
func diagnose(app *v1alpha1.App, pods []corev1.Pod, now time.Time) (*symptom, time.Duration) {
	gravest, recheck := evicted(pods, now)
	for i := range pods {
		s, after := diagnosePod(app, &pods[i], now)
		recheck = phase.Sooner(recheck, after)
		if s != nil && (gravest == nil || cmp.Or(cmp.Compare(s.rank, gravest.rank), cmp.Compare(s.message, gravest.message)) < 0) {
			gravest = s
		}
	}
	return gravest, recheck
}

// diagnosePod returns what keeps a Pod from being ready, or nil. Pods that end or have ended are looked at together; see evicted.
func diagnosePod(app *v1alpha1.App, pod *corev1.Pod, now time.Time) (*symptom, time.Duration) {
	if isEnding(pod) {
		return nil, 0
	}
	if isReady(pod) {
		return unsettled(app, pod, now)
	}
	if c := objects.PodCondition(pod, corev1.PodScheduled); c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
		return &symptom{rank: rankUnschedulable, reason: v1alpha1.ReasonUnschedulable, message: "No node takes the Pod: " + c.Message}, 0
	}
	container := appContainer(pod)
	if container == nil {
		return nil, 0
	}
	switch state := container.State; {
	case state.Waiting != nil:
		return waits(app, container), 0
	case state.Terminated != nil:
		return stopped(container), 0
	case state.Running != nil:
		return runs(container, now)
	}
	return nil, 0
}

// waits returns what keeps a container from being started, or nil if nothing is known to.
func waits(app *v1alpha1.App, container *corev1.ContainerStatus) *symptom {
	if s := waiting(app, container.State.Waiting); s != nil {
		return s
	}
	if last := container.LastTerminationState.Terminated; last != nil && container.State.Waiting.Reason == crashLoop {
		return ending(last)
	}
	return nil
}

// stopped returns what the end of a container that is not started again yet tells. One that ended successfully for the first time may have been
// told to.
func stopped(container *corev1.ContainerStatus) *symptom {
	s := ending(container.State.Terminated)
	if container.RestartCount > 0 {
		return s
	}
	if container.State.Terminated.ExitCode == 0 {
		return nil
	}
	s.rank = rankFirstEnd
	return s
}

// runs returns why a container that runs is not ready.
func runs(container *corev1.ContainerStatus, now time.Time) (*symptom, time.Duration) {
	if s, left := endedBefore(container, now); s != nil {
		return s, left
	}
	age := now.Sub(container.State.Running.StartedAt.Time)
	if age < startGrace {
		return nil, startGrace - age
	}
	return &symptom{rank: rankUnready, reason: v1alpha1.ReasonReadinessProbeFailed, message: "The container runs, but its readiness probe fails."}, 0
}

// endedBefore returns how a container that runs has ended before, and for how long that still counts, or nil. It counts only until the container has
// run for longer than that time: an earlier crash must not name a failing probe.
func endedBefore(container *corev1.ContainerStatus, now time.Time) (*symptom, time.Duration) {
	last := container.LastTerminationState.Terminated
	if last == nil || container.State.Running == nil || last.ExitCode == 0 && container.RestartCount <= 1 {
		return nil, 0
	}
	before := last.FinishedAt.Sub(last.StartedAt.Time)
	left := min(max(before, 0), longestRun) + startGrace - now.Sub(container.State.Running.StartedAt.Time)
	if left <= 0 {
		return nil, 0
	}
	return ending(last), left
}

// unsettled returns why a Pod that is ready may not stay so: its container has ended before and has not been ready again for
// spec.minReadySeconds. It also returns after what time it will have been.
func unsettled(app *v1alpha1.App, pod *corev1.Pod, now time.Time) (*symptom, time.Duration) {
	container := appContainer(pod)
	if container == nil {
		return nil, 0
	}
	s, counts := endedBefore(container, now)
	settles := time.Duration(resources.MinReadySeconds(app)) * time.Second
	left := min(counts, settles-now.Sub(objects.PodCondition(pod, corev1.PodReady).LastTransitionTime.Time))
	if s == nil || left <= 0 {
		return nil, 0
	}
	return s, left
}

// waiting returns what a container waits for that its kubelet says it can't have, or nil.
func waiting(app *v1alpha1.App, w *corev1.ContainerStateWaiting) *symptom {
	switch {
	case pullerror.IsReason(w.Reason):
		return pullSymptom(app, w)
	case w.Reason == "CreateContainerConfigError":
		if reason := missing(app, w.Message); reason != "" {
			return &symptom{rank: rankConfig, reason: reason, message: "The environment can't be read: " + w.Message + ".", config: true}
		}
		if strings.Contains(w.Message, runsAsRoot) {
			return &symptom{rank: rankCrash, reason: v1alpha1.ReasonRunsAsRoot, message: rootAdvice + w.Message}
		}
		return &symptom{rank: rankCrash, reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container can't be made: " + w.Message}
	case (w.Reason == "CreateContainerError" || w.Reason == "RunContainerError") && strings.Contains(w.Message, execFormat):
		return &symptom{
			rank: rankCrash, reason: v1alpha1.ReasonExecFormatError, message: wrongProgram + " The container can't be started: " + w.Message,
		}
	case w.Reason == "CreateContainerError", w.Reason == "RunContainerError":
		return &symptom{rank: rankCrash, reason: v1alpha1.ReasonCrashLoopBackOff, message: "The container can't be started: " + w.Message}
	}
	return nil
}

// missing returns the reason for an object of the App's environment that a kubelet says is missing, or "" if it speaks of something
// else. The kubelet says so in words alone; they quote the name, which is looked for.
func missing(app *v1alpha1.App, message string) string {
	for _, e := range app.Spec.Env {
		if e.ValueFrom == nil {
			continue
		}
		if ref := e.ValueFrom.SecretKeyRef; ref != nil && mentions(message, "secret", ref.Name) {
			return v1alpha1.ReasonSecretNotFound
		}
		if ref := e.ValueFrom.ConfigMapKeyRef; ref != nil && mentions(message, "configmap", ref.Name) {
			return v1alpha1.ReasonConfigMapNotFound
		}
	}
	return ""
}

// mentions reports whether a message names an object of a kind, alone in quotes or behind its Namespace.
func mentions(message, kind, name string) bool {
	return strings.Contains(strings.ToLower(message), kind) &&
		(strings.Contains(message, `"`+name+`"`) || strings.HasSuffix(message, "/"+name))
}

// ending returns what the end of a container tells.
func ending(t *corev1.ContainerStateTerminated) *symptom {
	if said := execError(t); said != "" {
		return &symptom{
			rank: rankCrash, reason: v1alpha1.ReasonExecFormatError, message: wrongProgram + " The container can't be started: " + said,
		}
	}
	return &symptom{rank: rankCrash, reason: v1alpha1.ReasonCrashLoopBackOff, message: crash(t)}
}

func crash(t *corev1.ContainerStateTerminated) string {
	switch t.Reason {
	case "OOMKilled":
		return "The container was killed since it used more memory than its limit (OOMKilled)."
	case startError, "ContainerCannotRun":
		return "The container can't be started: " + t.Message
	case "Error", "":
		return fmt.Sprintf("The container ended with exit code %d; its logs may say why.", t.ExitCode)
	default:
		return fmt.Sprintf("The container ended with exit code %d (%s); its logs may say why.", t.ExitCode, t.Reason)
	}
}

// runningImage returns the reference with the digest that the newest ready Pod runs, or "" if there is none.
func runningImage(pods []corev1.Pod) string {
	var newest *corev1.Pod
	for i := range pods {
		if p := &pods[i]; isReady(p) && (newest == nil || exposure.Older(newest, p)) {
			newest = p
		}
	}
	if newest == nil {
		return ""
	}
	_, digest, found := strings.Cut(ptr.Deref(appContainer(newest), corev1.ContainerStatus{}).ImageID, "@")
	if !found {
		// An image that was loaded into the node by hand has an id of its own, by which no registry knows it.
		return ""
	}
	// The node names an image by any repository that it has pulled the same content from, which may be another organization's.
	for _, c := range newest.Spec.Containers {
		if c.Name == resources.Container {
			return registry.Repository(c.Image) + "@" + digest
		}
	}
	return ""
}

func isReady(pod *corev1.Pod) bool {
	return objects.PodCondition(pod, corev1.PodReady).Status == corev1.ConditionTrue
}

// appContainer returns the status of the App's container, or nil while there is none.
func appContainer(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if c := &pod.Status.ContainerStatuses[i]; c.Name == resources.Container {
			return c
		}
	}
	return nil
}
