// Package podlogs reads what the Pods of an App print, all of them as one text, with a note wherever a container ended or can't start: an App
// that crashes without a word still shows why.
package podlogs

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	// maxOver is how many of the Pods that have come to their end are read: a Pod that is evicted again and again leaves hundreds.
	maxOver = 5
	// maxBytes bounds what one call keeps in memory, of all Pods together; the oldest lines go first.
	maxBytes = 1 << 20
	// readTimeout is how long all Pods together may take to be read.
	readTimeout = 20 * time.Second
)

// Options say which lines are wanted.
type Options struct {
	// Tail is how many lines, the last ones of all Pods together, notes included.
	Tail int
	// Since leaves out what is older, unless it is zero.
	Since time.Time
	// Previous asks for the containers that ran before those that run now.
	Previous bool
	// WithoutNotes leaves out what no container printed.
	WithoutNotes bool
	// Heartbeat is how long Follow writes nothing before it writes an empty line; never if it is zero.
	Heartbeat time.Duration
	// Current returns the App as it is now, for Follow to tell what keeps its Pods from coming; nil if the App isn't known.
	Current func(ctx context.Context) *v1alpha1.App

	// Stream lets Follow read one more Pod, and returns what ends that; it returns false if that is too many. Nil for any number.
	Stream func() (end func(), ok bool)

	// follows is true if what is read will be followed.
	follows bool
}

func (o Options) current(ctx context.Context) *v1alpha1.App {
	if o.Current == nil {
		return nil
	}
	return o.Current(ctx)
}

func (o Options) stream() (end func(), ok bool) {
	if o.Stream == nil {
		return func() {}, true
	}
	return o.Stream()
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
	snapshot, err := r.snapshot(ctx, app, options)
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
	// last is how far each container was read, by the container's id.
	last map[string]position
	// over are the containers that print no more.
	over map[string]bool
}

// position is how far a container was read.
type position struct {
	// time is that of the last line that was read or isn't wanted.
	time time.Time
	// printed is true if a line was read, which is then found again at that time.
	printed bool
}

func positionOf(lines []line, since time.Time) position {
	var p position
	for _, l := range lines {
		if l.subject == "" && !l.time.Before(p.time) {
			p = position{l.time, true}
		}
	}
	if p.time.Before(since) {
		p = position{time: since}
	}
	return p
}

func (r *Reader) snapshot(ctx context.Context, app *v1alpha1.App, options Options) (snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	pods, err := r.client.Pods(app.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector(app)})
	if err != nil {
		return snapshot{}, fmt.Errorf("list the Pods of %s: %w", app.Name, err)
	}
	s := snapshot{last: map[string]position{}, over: map[string]bool{}}
	present, over := s.sort(pods.Items)
	readings := r.readAll(ctx, slices.Concat(present, over[:min(maxOver, len(over))]), options)

	printed := [][]line{failures(app.Name, over)}
	var waits []line
	for _, reading := range readings {
		s.last[currentID(reading.pod)] = positionOf(reading.lines, options.Since)
		ended, waiting := notes(reading.pod, options.Previous)
		s.notes = slices.Concat(s.notes, ended, waiting)
		printed = append(printed, reading.lines)
		if !isOver(reading.pod) {
			printed = append(printed, ended) // It may be the end of the container before.
			waits = append(waits, waiting...)
		}
	}
	about := lacking(app)
	if len(pods.Items) == 0 {
		about = []line{noPods(app)}
	}
	s.notes = append(s.notes, about...)
	s.lines = arranged(options, printed, append(about, summed(waits)...))
	return s, nil
}

// arranged returns the lines that options ask for of those that were printed and of notes about the present.
func arranged(options Options, printed [][]line, present []line) []line {
	if options.WithoutNotes {
		present = nil
	}
	for i := range printed {
		printed[i] = slices.DeleteFunc(since(printed[i], options.Since), func(l line) bool { return options.WithoutNotes && l.subject != "" })
	}
	return fit(options.Tail, merge(options.Tail, printed...), present)
}

// sort parts Pods into those of the present and those that have come to their end, the last one first.
func (s *snapshot) sort(pods []corev1.Pod) (present, over []*corev1.Pod) {
	for i := range pods {
		if !isOver(&pods[i]) {
			present = append(present, &pods[i])
			continue
		}
		over = append(over, &pods[i])
		s.over[currentID(&pods[i])] = true
		s.notes = append(s.notes, failure(&pods[i]))
	}
	slices.SortStableFunc(over, func(a, b *corev1.Pod) int { return overSince(b).Compare(overSince(a)) })
	return present, over
}

// reading is what one Pod printed.
type reading struct {
	pod   *corev1.Pod
	lines []line
}

// readAll reads Pods, some at a time. If they are followed, at least one line of each: it tells how far the Pod has come.
func (r *Reader) readAll(ctx context.Context, pods []*corev1.Pod, options Options) []reading {
	if options.follows {
		options.Tail = max(1, options.Tail)
	}
	readings := make([]reading, len(pods))
	free := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for i, pod := range pods {
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			readings[i].pod = newRepetitions(r).leftOut(ctx, pod)
			if options.Tail > 0 {
				readings[i].lines = r.pod(ctx, pod, options, maxBytes/len(pods))
			}
		})
	}
	group.Wait()
	return readings
}

// selector picks the Pods of an App.
func selector(app *v1alpha1.App) string {
	return labels.Set{v1alpha1.LabelApp: app.Name}.String()
}
