// Package podlogs reads what the Pods of an App print, all of them as one text, with a line of its own wherever a container ended or can't
// start: an App that crashes without a word still shows why.
package podlogs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// container is the one of an App's Pods that runs its image.
	container = "app"
	// parallel is how many Pods are read at a time.
	parallel = 8
	// maxBytes bounds what one call keeps in memory, of all Pods together; the oldest lines go first.
	maxBytes = 8 << 20
	// readTimeout is how long all Pods together may take to be read.
	readTimeout = 20 * time.Second
)

// Options say which lines are wanted.
type Options struct {
	// Tail is how many lines, the last ones of all Pods together.
	Tail int
	// Since leaves out what is older, unless it is zero.
	Since time.Time
	// Previous asks for the containers that ran before those that run now.
	Previous bool
}

// Reader reads the Pods of Apps, live.
type Reader struct {
	client corev1client.CoreV1Interface
}

// NewReader makes a Reader that reads through a client.
func NewReader(client corev1client.CoreV1Interface) *Reader { return &Reader{client: client} }

// Read returns the lines that options ask for, oldest first. Pods that can't be read are said to be so in the text; the error is about the
// list of Pods.
func (r *Reader) Read(ctx context.Context, app *v1alpha1.App, options Options) (string, error) {
	snapshot, err := r.snapshot(ctx, app, options, 0)
	if err != nil {
		return "", err
	}
	return text(snapshot.lines), nil
}

// snapshot is what the Pods printed up to a moment.
type snapshot struct {
	lines []line
	// notes are all that was to be said about the Pods, whether it is among the lines or not.
	notes []line
	// last is the time up to which each container's lines were wanted or left out, by the container's id.
	last map[string]time.Time
}

// snapshot reads at least so many lines of each Pod, even if fewer are wanted: the last one tells how far a Pod has come.
func (r *Reader) snapshot(ctx context.Context, app *v1alpha1.App, options Options, least int) (snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	pods, err := r.client.Pods(app.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector(app)})
	if err != nil {
		return snapshot{}, fmt.Errorf("list the Pods of %s: %w", app.Name, err)
	}
	if len(pods.Items) == 0 {
		return snapshot{lines: []line{{text: noPods(app)}}}, nil
	}
	wanted := options
	wanted.Tail = max(least, options.Tail)
	all := make([][]line, len(pods.Items))
	free := make(chan struct{}, parallel)
	var reading sync.WaitGroup
	for i := range pods.Items {
		reading.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			all[i] = r.pod(ctx, &pods.Items[i], wanted, maxBytes/len(pods.Items))
		})
	}
	reading.Wait()
	s := snapshot{last: map[string]time.Time{}}
	var closing []line
	var beginnings [][]line
	for i := range pods.Items {
		s.last[currentID(&pods.Items[i])] = latest(options.Since, all[i])
		ended, waits := notes(&pods.Items[i], options.Previous)
		s.notes = append(append(s.notes, ended...), waits...)
		beginnings = append(beginnings, since(ended, options.Since)) // It may be the end of the container before.
		closing = append(closing, waits...)
	}
	s.lines = append(merge(options.Tail, slices.Concat(all, beginnings)...), closing...)
	return s, nil
}

// selector picks the Pods of an App.
func selector(app *v1alpha1.App) string {
	return labels.Set{v1alpha1.LabelApp: app.Name}.String()
}

// pod returns the last lines of one Pod, at most so many bytes of them.
func (r *Reader) pod(ctx context.Context, pod *corev1.Pod, options Options, bytes int) []line {
	request := &corev1.PodLogOptions{
		Container:  container,
		Previous:   options.Previous,
		Timestamps: true,
		TailLines:  new(int64(options.Tail)),
	}
	if !options.Since.IsZero() {
		request.SinceTime = &metav1.Time{Time: options.Since}
	}
	stream, err := r.client.Pods(pod.Namespace).GetLogs(pod.Name, request).Stream(ctx)
	if err != nil {
		return unreadable(pod, err)
	}
	defer stream.Close()
	last := tail{maxLines: options.Tail, maxBytes: bytes}
	if err := scan(stream, func(l line) bool { last.add(l); return true }); err != nil {
		return append(last.lines(), unreadable(pod, err)...)
	}
	return since(last.lines(), options.Since)
}

// unreadable says that a Pod's output can't be had. It is not said of a Pod that is gone or has printed nothing yet, which the API server
// answers with an error as well; why a Pod hasn't started, its status tells.
func unreadable(pod *corev1.Pod, err error) []line {
	var status apierrors.APIStatus
	gone := apierrors.IsNotFound(err) && errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "pods"
	if gone || apierrors.IsBadRequest(err) {
		return nil
	}
	return []line{note(pod, time.Time{}, "can't be read at the moment: its node doesn't answer")}
}

// since leaves out the lines before a time, which the API server knows only to the second.
func since(lines []line, time time.Time) []line {
	if time.IsZero() {
		return lines
	}
	return slices.DeleteFunc(lines, func(l line) bool { return !l.time.IsZero() && l.time.Before(time) })
}
