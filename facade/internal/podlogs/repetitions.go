package podlogs

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// messageTail and maxMessage are how many lines and bytes of a log the kubelet makes a termination message of at most.
	messageTail, maxMessage = 80, 4096
	// repeatTimeout bounds how long a note waits for the log that it may repeat.
	repeatTimeout = 5 * time.Second
)

// repetitions finds out which termination messages repeat the end of a log, which the kubelet makes the message of a program that fails and leaves
// none.
type repetitions struct {
	reader *Reader
	// known has what was found out, by the container's id.
	known map[string]bool
}

func newRepetitions(r *Reader) *repetitions { return &repetitions{reader: r, known: map[string]bool{}} }

// leftOut returns a Pod without the messages that repeat a log.
func (r *repetitions) leftOut(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	status := statusOf(pod)
	if status == nil || isOver(pod) {
		return pod
	}
	pod = pod.DeepCopy()
	status = statusOf(pod)
	r.check(ctx, pod, status.State.Terminated, false)
	r.check(ctx, pod, status.LastTerminationState.Terminated, true)
	return pod
}

func (r *repetitions) check(ctx context.Context, pod *corev1.Pod, state *corev1.ContainerStateTerminated, previous bool) {
	if state == nil || state.Message == "" {
		return
	}
	repeats, known := r.known[state.ContainerID]
	if !known {
		repeats = r.reader.repeats(ctx, pod, state.Message, previous)
		r.known[state.ContainerID] = repeats
	}
	if repeats {
		state.Message = ""
	}
}

// repeats reports whether a termination message is the end of a container's log. Of a Pod that is gone, it is taken to be where the kubelet was
// told to make it so.
func (r *Reader) repeats(ctx context.Context, pod *corev1.Pod, message string, previous bool) bool {
	if message = words(message); message == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, repeatTimeout)
	defer cancel()
	request := &corev1.PodLogOptions{Container: container, Previous: previous, TailLines: new(int64(messageTail))}
	stream, err := r.client.Pods(pod.Namespace).GetLogs(pod.Name, request).Stream(ctx)
	if err != nil {
		return isGone(err) && fallsBack(pod)
	}
	defer stream.Close()
	var last []byte
	chunk := make([]byte, readSize)
	for err == nil {
		var n int
		n, err = stream.Read(chunk)
		last = append(last, chunk[:n]...)
		last = last[max(0, len(last)-2*maxMessage):]
	}
	return strings.HasSuffix(words(string(last)), message)
}

// words returns a text without what the kubelet and JSON may have changed in it: its spaces, and halves of characters.
func words(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(text, "\uFFFD", ""), "")), " ")
}

func fallsBack(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return c.Name == container && c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError
	})
}
