package podlogs

import (
	"context"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// buffered is how many lines wait for a client that reads slowly; then the Pods' streams wait.
	buffered = 16
	// maxWrite bounds how many bytes are sent at once, beyond the last line.
	maxWrite = 256 << 10
	// lookInterval is how often the App is asked what keeps its Pods from coming.
	lookInterval = 5 * time.Second
	// retryPause is how long to wait before a stream that broke is opened again.
	retryPause = time.Second
	// maxLeft bounds how many Pods are remembered that are not followed since too many are.
	maxLeft = 100
)

// Follow writes the lines that options ask for, then each new line as it comes, of Pods that a rollout brings as well, until ctx ends or the
// client is gone, which is an error of write.
func (r *Reader) Follow(ctx context.Context, app *v1alpha1.App, options Options, write io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options.follows = true
	snapshot, err := r.snapshot(ctx, app, options)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(write, text(snapshot.lines)); err != nil {
		return err
	}
	f := &follower{
		reader:   r,
		options:  options,
		lines:    make(chan line, buffered),
		pods:     make(chan *corev1.Pod),
		followed: snapshot.over,
		left:     map[string]*corev1.Pod{},
		noted:    map[string]bool{},
		last:     snapshot.last,
	}
	for _, l := range snapshot.notes {
		f.noted[l.key()] = true
	}
	go f.watch(ctx, app)
	return f.run(ctx, write)
}

// follower follows the containers of an App. Its maps belong to run alone.
type follower struct {
	reader  *Reader
	options Options
	lines   chan line
	pods    chan *corev1.Pod

	// followed are the ids of the containers whose streams are open, or have come to their end.
	followed map[string]bool
	// left are the Pods that are not followed since too many are, by the ids of their containers.
	left map[string]*corev1.Pod
	// noted are the keys of the notes that have been written, or were left out.
	noted map[string]bool
	// last is how far each container was read before it was followed.
	last map[string]position
}

// watch sends each Pod of the App whenever it changes.
func (f *follower) watch(ctx context.Context, app *v1alpha1.App) {
	// What asks is given ctx, which says for whom.
	pods := &toolscache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = selector(app)
			return f.reader.client.Pods(app.Namespace).List(ctx, options)
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector(app)
			return f.reader.client.Pods(app.Namespace).Watch(ctx, options)
		},
	}
	repetitions := newRepetitions(f.reader)
	// It ends with ctx alone: the informer behind it starts anew what breaks.
	_, _ = watchtools.UntilWithSync(ctx, pods, &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || event.Type == watch.Deleted {
			return false, nil
		}
		select {
		case f.pods <- repetitions.leftOut(ctx, pod):
		case <-ctx.Done():
		}
		return false, nil
	})
}

func (f *follower) run(ctx context.Context, write io.Writer) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	heart := newHeart(f.options.Heartbeat)
	defer heart.stop()
	for {
		var lines []line
		select {
		case <-ctx.Done():
			return nil
		case <-heart.beats:
			lines = []line{{}}
		case <-look.C:
			f.attachLeft(ctx)
			if app := f.options.current(ctx); app != nil {
				lines = f.news(lacking(app))
			}
		case pod := <-f.pods:
			left := f.attach(ctx, pod)
			ended, waits := notes(pod, false)
			lines = append(f.news(slices.Concat(ended, waits)), left...)
		case l := <-f.lines:
			lines = f.batch(l)
		}
		if len(lines) == 0 {
			continue
		}
		if _, err := io.WriteString(write, text(lines)); err != nil {
			return err
		}
		heart.reset()
	}
}

// heart says when nothing was written for too long.
type heart struct {
	beats <-chan time.Time
	timer *time.Timer
	pause time.Duration
}

// newHeart returns one that never beats if the pause is zero.
func newHeart(pause time.Duration) *heart {
	if pause <= 0 {
		return &heart{}
	}
	timer := time.NewTimer(pause)
	return &heart{timer.C, timer, pause}
}

func (h *heart) reset() {
	if h.timer != nil {
		h.timer.Reset(h.pause)
	}
}

func (h *heart) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
}

// attach follows the container of a Pod if it isn't followed yet. If too many are, it is tried again later, and the first time there is a note, which
// is written also where no notes are wanted: the client would take the output for all that there is.
func (f *follower) attach(ctx context.Context, pod *corev1.Pod) []line {
	id := currentID(pod)
	if id == "" || f.followed[id] {
		return nil
	}
	end, ok := f.options.stream()
	if !ok {
		if _, known := f.left[id]; !known && len(f.left) >= maxLeft {
			return nil
		}
		f.left[id] = pod
		l := note(pod.Name, time.Time{}, "is not followed yet: the organization follows as many Pods as its limit, spec.limits.logFollowers, allows. "+
			"End other clients that follow logs")
		if f.noted[l.key()] {
			return nil
		}
		f.noted[l.key()] = true
		return []line{l}
	}
	delete(f.left, id)
	f.followed[id] = true
	last := f.last[id]
	delete(f.last, id)
	go func() {
		defer end()
		f.stream(ctx, pod.DeepCopy(), last)
	}()
	return nil
}

// attachLeft follows the Pods that were left, as far as there is room by now.
func (f *follower) attachLeft(ctx context.Context) {
	for _, pod := range f.left {
		f.attach(ctx, pod) // The note has been written.
	}
}

// news are those of some notes that haven't been written.
func (f *follower) news(notes []line) []line {
	var lines []line
	for _, l := range notes {
		if !f.noted[l.key()] && !f.options.WithoutNotes {
			f.noted[l.key()] = true
			lines = append(lines, l)
		}
	}
	return lines
}

// batch returns a line with those that came after it and wait already.
func (f *follower) batch(first line) []line {
	lines := []line{first}
	for size := len(first.text); size < maxWrite; {
		select {
		case l := <-f.lines:
			lines = append(lines, l)
			size += len(l.text)
		default:
			return lines
		}
	}
	return lines
}

// stream sends the lines of a container that come after last, until the container or ctx ends.
func (f *follower) stream(ctx context.Context, pod *corev1.Pod, last position) {
	for {
		var open *line
		last, open = f.streamOnce(ctx, pod, last)
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryPause):
		}
		// A stream ends with its container, but also when the way to its node breaks. Then a line that has begun comes again.
		now, err := f.reader.client.Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && (currentID(now) != currentID(pod) || !running(now)) {
			if open != nil {
				f.send(ctx, f.options.quoted(pod, *open))
			}
			return
		}
	}
}

// streamOnce does so until the stream ends, and returns how far it came, and the line that had begun.
func (f *follower) streamOnce(ctx context.Context, pod *corev1.Pod, last position) (position, *line) {
	options := &corev1.PodLogOptions{Container: container, Follow: true, Timestamps: true}
	if !last.time.IsZero() {
		options.SinceTime = &metav1.Time{Time: last.time}
	}
	stream, err := f.reader.client.Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return last, nil
	}
	defer stream.Close()
	before := last
	var open *line
	_ = scan(stream, func(l line) bool {
		if !l.time.After(before.time) && !before.time.IsZero() {
			before.printed = false
			return true // The API server knows the time to the second: these lines have been sent.
		}
		if l.open {
			open = &l
			return true
		}
		if before.printed && !f.options.WithoutNotes {
			if !f.send(ctx, note(pod.Name, time.Time{}, "may lack lines here: its node rotated the log away while it was not read")) {
				return false
			}
		}
		before.printed = false
		last = position{l.time, true}
		return f.send(ctx, f.options.quoted(pod, l))
	})
	return last, open
}

// send hands a line on to be written; false if ctx ends before.
func (f *follower) send(ctx context.Context, l line) bool {
	select {
	case f.lines <- l:
		return true
	case <-ctx.Done():
		return false
	}
}
