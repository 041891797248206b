package podlogs

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// margin is how many pieces more than lines are asked for at first: a line above 16 KiB is several of them.
	margin = 16
	// growth is how many times as many are asked for next.
	growth = 8
	// rotationPeriod is how often the kubelet looks which logs are to be rotated.
	rotationPeriod = 10 * time.Second
)

// pod returns the last lines of one Pod, at most so many bytes of them. Each is whole.
//
// The kubelet counts pieces of lines, and begins in the midst of a line without saying so. So more is asked for until there is a line more than
// is wanted, or asking for more brings nothing else: then the first line is the log's first.
func (r *Reader) pod(ctx context.Context, pod *corev1.Pod, options Options, bytes int) []line {
	var before line
	pieces := int64(options.Tail) + margin
	for attempt, limit := range []*int64{new(pieces), new(pieces * growth), nil} {
		last, err := r.read(ctx, pod, options, limit, bytes)
		lines := last.lines()
		if err != nil {
			if last.dropped == 0 {
				lines = lines[min(1, len(lines)):]
			}
			return append(since(lines, options.Since), unreadable(pod, err)...)
		}
		switch {
		case last.full && (len(lines) == 0 || !older(lines[0], options.Since)):
			return append([]line{note(pod.Name, latest(time.Time{}, lines[:min(1, len(lines))]), "printed more: these lines are as many as one answer holds")}, lines...)
		case last.dropped > 0 || len(lines) > 0 && older(lines[0], options.Since):
			return since(lines, options.Since)
		case len(lines) == 0 || limit == nil || attempt > 0 && lines[0].same(before):
			return append(rotated(pod, lines, options), lines...)
		}
		before = lines[0]
	}
	return nil
}

// read returns what the kubelet has of a Pod's last pieces of lines, or of all lines without a limit.
func (r *Reader) read(ctx context.Context, pod *corev1.Pod, options Options, limit *int64, bytes int) (tail, error) {
	last := tail{maxLines: options.Tail, maxBytes: bytes}
	request := &corev1.PodLogOptions{Container: container, Previous: options.Previous, Timestamps: true, TailLines: limit}
	stream, err := r.client.Pods(pod.Namespace).GetLogs(pod.Name, request).Stream(ctx)
	if err != nil {
		return last, err
	}
	defer stream.Close()
	err = scan(stream, func(l line) bool {
		if !l.open || !options.follows || !running(pod) { // Else it comes again, with its rest.
			last.add(options.quoted(pod, l))
		}
		return true
	})
	return last, err
}

// older reports whether a line was printed before a time, if there is one.
func older(l line, than time.Time) bool { return !than.IsZero() && l.time.Before(than) }

// rotated says that a log, of which these are the first lines, may have begun earlier. There are fewer lines than wanted.
func rotated(pod *corev1.Pod, lines []line, options Options) []line {
	began := startOf(pod, options.Previous)
	if began.IsZero() || len(lines) >= options.Tail {
		return nil
	}
	if len(lines) == 0 {
		if time.Since(began) < rotationPeriod {
			return nil
		}
		return []line{note(pod.Name, began, "has printed nothing, or its node has rotated the lines away")}
	}
	first := lines[0].time
	if first.Sub(began) < rotationPeriod {
		return nil
	}
	what := "has no lines before " + first.UTC().Format(time.RFC3339) + ": none were printed, or its node has rotated them away"
	return []line{note(pod.Name, first, what)}
}

// startOf returns when the container began whose log is read; zero if it isn't known.
func startOf(pod *corev1.Pod, previous bool) time.Time {
	status := statusOf(pod)
	switch {
	case status == nil:
	case !previous && status.State.Running != nil:
		return status.State.Running.StartedAt.Time
	case !previous && status.State.Terminated != nil:
		return status.State.Terminated.StartedAt.Time
	case status.LastTerminationState.Terminated != nil:
		return status.LastTerminationState.Terminated.StartedAt.Time
	}
	return time.Time{}
}

// unreadable says that a Pod's output can't be had. It is not said of a Pod that is gone or has printed nothing yet, which the API server
// answers with an error as well; why a Pod hasn't started, its status tells.
func unreadable(pod *corev1.Pod, err error) []line {
	if isGone(err) || apierrors.IsBadRequest(err) {
		return nil
	}
	return []line{note(pod.Name, time.Time{}, "can't be read at the moment: its node doesn't answer")}
}

func isGone(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "pods"
}

// since leaves out the lines before a time, which the API server knows only to the second.
func since(lines []line, time time.Time) []line {
	return slices.DeleteFunc(lines, func(l line) bool { return !l.time.IsZero() && older(l, time) })
}
