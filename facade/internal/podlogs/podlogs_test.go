package podlogs

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a line that was printed so many seconds after the epoch.
func at(seconds int, text string) line {
	return line{time: epoch.Add(time.Duration(seconds) * time.Second), text: text}
}

func lineOpts() cmp.Option { return cmp.AllowUnexported(line{}) }

func TestScan(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	cases := map[string]struct {
		reason, stream string
		want           []line
	}{
		"Nothing": {},
		"Lines":   {stream: "2026-01-01T00:00:01Z one\n2026-01-01T00:00:02.000000000Z two words\n", want: []line{at(1, "one"), at(2, "two words")}},
		"Empty":   {reason: "An empty line is a line.", stream: "2026-01-01T00:00:01Z \n", want: []line{at(1, "")}},
		"Unended": {reason: "The last line may lack its end.", stream: "2026-01-01T00:00:01Z one", want: []line{{time: at(1, "").time, text: "one", open: true}}},
		"CRLF":    {stream: "2026-01-01T00:00:01Z one\r\n", want: []line{at(1, "one")}},
		"WithoutTime": {
			reason: "A node's own message comes without a time.",
			stream: "2026-01-01T00:00:01Z one\nfailed to read\n",
			want:   []line{at(1, "one"), at(1, "failed to read")},
		},
		"Long": {
			reason: "A line as long as memory is cut.", stream: "2026-01-01T00:00:01Z " + long + long + "\n2026-01-01T00:00:02Z two\n",
			want: []line{at(1, long+fmt.Sprintf("[… %d bytes left out]", maxLine)), at(2, "two")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []line
			if err := scan(strings.NewReader(tc.stream), func(l line) bool { got = append(got, l); return true }); err != nil {
				t.Fatalf("\n%s\nscan(...): %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, lineOpts()); diff != "" {
				t.Errorf("\n%s\nscan(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestScanEnds(t *testing.T) {
	count := 0
	if err := scan(strings.NewReader("a\nb\nc\n"), func(line) bool { count++; return count < 2 }); err != nil || count != 2 {
		t.Errorf("scan(...) went on after it was told to stop: %d lines, %v", count, err)
	}
	broken := io.MultiReader(strings.NewReader("a\n"), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
	if err := scan(broken, func(line) bool { return true }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("scan(...) of a stream that breaks: got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(data []byte) (int, error) { return f(data) }

func TestTail(t *testing.T) {
	cases := map[string]struct {
		reason             string
		maxLines, maxBytes int
		texts              []string
		want               string
	}{
		"Fewer":    {maxLines: 3, maxBytes: 100, texts: []string{"a", "b"}, want: "a\nb\n"},
		"More":     {maxLines: 2, maxBytes: 100, texts: []string{"a", "b", "c", "d", "e"}, want: "d\ne\n"},
		"Bytes":    {reason: "The newest stay.", maxLines: 10, maxBytes: 4, texts: []string{"aaa", "bbb", "c"}, want: "bbb\nc\n"},
		"TooLarge": {maxLines: 10, maxBytes: 2, texts: []string{"aaa"}},
		"None":     {maxLines: 0, maxBytes: 100, texts: []string{"a"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			kept := tail{maxLines: tc.maxLines, maxBytes: tc.maxBytes}
			for _, text := range tc.texts {
				kept.add(line{text: text})
			}
			if diff := cmp.Diff(tc.want, text(kept.lines())); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTailMemory says that what was let go isn't kept.
func TestTailMemory(t *testing.T) {
	kept := tail{maxLines: 10, maxBytes: 1 << 20}
	for range 100_000 {
		kept.add(line{text: "x"})
	}
	if cap(kept.kept) > 100 {
		t.Errorf("room for %d lines is kept for 10", cap(kept.kept))
	}
}

func TestMerge(t *testing.T) {
	cases := map[string]struct {
		reason     string
		n          int
		containers [][]line
		want       string
	}{
		"Nothing":  {n: 10},
		"ByTime":   {n: 10, containers: [][]line{{at(1, "a1"), at(4, "a4")}, {at(2, "b2"), at(3, "b3")}}, want: "a1\nb2\nb3\na4\n"},
		"SameTime": {reason: "A container's own order stays.", n: 10, containers: [][]line{{at(1, "a1"), at(1, "a2")}, {at(1, "b1")}}, want: "a1\na2\nb1\n"},
		"Last":     {reason: "The last of all, not of each.", n: 2, containers: [][]line{{at(1, "a1"), at(2, "a2")}, {at(3, "b3")}}, want: "a2\nb3\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, text(merge(tc.n, tc.containers...))); diff != "" {
				t.Errorf("\n%s\nmerge(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	ended := func(code int32, reason, message string) corev1.ContainerState {
		return corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message, FinishedAt: metav1.NewTime(epoch)},
		}
	}
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	cases := map[string]struct {
		reason   string
		pod      corev1.PodStatus
		state    corev1.ContainerState
		last     corev1.ContainerState
		previous bool
		want     string
	}{
		"Running":      {state: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		"Starting":     {reason: "Every container is made before it runs.", state: waiting("ContainerCreating", "")},
		"Ended":        {state: ended(1, "Error", ""), want: "[web ended with exit code 1: Error]\n"},
		"EndedMessage": {reason: "A note is one line.", state: ended(2, "Error", "no\ndatabase"), want: "[web ended with exit code 2: Error: no database]\n"},
		"Crashing": {
			state: waiting("CrashLoopBackOff", "back-off"),
			last:  ended(137, "OOMKilled", ""),
			want:  "[web ended with exit code 137: OOMKilled]\n[web waits: CrashLoopBackOff: back-off]\n",
		},
		"Restarted": {
			state: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			last:  ended(1, "Error", ""),
			want:  "[web ended with exit code 1: Error]\n",
		},
		"Previous": {
			reason:   "Only the container before is asked about.",
			previous: true,
			state:    waiting("CrashLoopBackOff", ""),
			last:     ended(1, "Error", ""),
			want:     "[web ended with exit code 1: Error]\n",
		},
		"NoImage": {state: waiting("ErrImagePull", "a: not found"), want: "[web waits: ErrImagePull: The registry does not have the image.]\n"},
		"NoRegistry": {
			reason: "What answers in the node's network is not told.",
			state:  waiting("ErrImagePull", "dial tcp 10.0.0.5:6443: connect: connection refused"),
			want:   "[web waits: ErrImagePull: The registry cannot be reached, or does not answer as a registry.]\n",
		},
		"Evicted": {pod: corev1.PodStatus{Reason: "Evicted", Message: "low on memory"}, want: "[web failed: Evicted: low on memory]\n"},
		"Unscheduled": {
			pod: corev1.PodStatus{
				Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "no room"}},
			},
			want: "[web waits for a node: Unschedulable: no room]\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Status: tc.pod}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{
				{Name: "sidecar", State: ended(9, "", "")},
				{Name: container, State: tc.state, LastTerminationState: tc.last},
			}
			endings, waits := notes(pod, tc.previous)
			if diff := cmp.Diff(tc.want, text(append(endings, waits...))); diff != "" {
				t.Errorf("\n%s\nnotes(...): -want, +got:\n%s", tc.reason, diff)
			}
			for _, l := range endings {
				if !l.time.Equal(epoch) {
					t.Errorf("\n%s\nnotes(...): the end is noted at %s", tc.reason, l.time)
				}
			}
		})
	}
}

func TestNoPods(t *testing.T) {
	cases := map[string]struct {
		conditions []metav1.Condition
		want       string
	}{
		"Unknown": {want: "[shop has no Pods]"},
		"Stalled": {
			conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalid, Message: "exceeded quota"}},
			want:       "[shop has no Pods: Invalid: exceeded quota]",
		},
		"ScaledToZero": {
			conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}},
			want:       "[shop has no Pods]",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Status: v1alpha1.AppStatus{Conditions: tc.conditions}}
			if diff := cmp.Diff(tc.want, noPods(app).text); diff != "" {
				t.Errorf("noPods(...): -want, +got:\n%s", diff)
			}
		})
	}
}

func TestFit(t *testing.T) {
	lines, notes := []line{at(1, "a"), at(2, "b"), at(3, "c")}, []line{{text: "n1"}, {text: "n2"}, {text: "n3"}}
	for n, want := range map[int]string{
		0:  "",
		1:  "c\n",
		2:  "c\nn1\n",
		4:  "b\nc\nn1\nn2\n",
		5:  "a\nb\nc\nn1\nn2\n",
		10: "a\nb\nc\nn1\nn2\nn3\n",
	} {
		if diff := cmp.Diff(want, text(fit(n, lines[max(0, 3-n):], notes))); diff != "" {
			t.Errorf("fit(%d, ...): -want, +got:\n%s", n, diff)
		}
	}
}

// TestSummed says that Pods that wait for the same reason share a note.
func TestSummed(t *testing.T) {
	pod := func(name string) *corev1.Pod { return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}} }
	notes := []line{
		waiting(pod("a"), "waits", "CrashLoopBackOff", "back-off of a"),
		waiting(pod("b"), "waits for a node", "Unschedulable", "no room"),
		waiting(pod("c"), "waits", "CrashLoopBackOff", "back-off of c"),
		waiting(pod("d"), "waits", "CrashLoopBackOff", "back-off of d"),
	}
	want := "[a waits: CrashLoopBackOff: back-off of a (and 2 more Pods)]\n[b waits for a node: Unschedulable: no room]\n"
	if diff := cmp.Diff(want, text(summed(notes))); diff != "" {
		t.Errorf("summed(...): -want, +got:\n%s", diff)
	}
}

// TestNoteIsBounded says that a note is one line of printable text, whatever a program makes of its message.
func TestNoteIsBounded(t *testing.T) {
	got := note("web", time.Time{}, "ended: \x00\n\n"+strings.Repeat("é", maxNote)).text
	if len(got) > maxNote+20 || strings.ContainsAny(got, "\x00\n") || !utf8.ValidString(got) || !strings.HasSuffix(got, "…]") {
		t.Errorf("got %q", got)
	}
}
