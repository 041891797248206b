package facade

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

// logsOf returns the lines of an app's logs.
func logsOf(t *testing.T, key, organization, app, query string) []string {
	t.Helper()
	content := decode[wire.Logs](t, call(t, key, http.MethodGet, appPath(organization, app)+"logs/"+query, nil).want(t, http.StatusOK)).Content
	return slices.Collect(strings.Lines(content))
}

// cutLine is a line of which so many bytes are left out.
func cutLine(kept string, left int) string {
	return fmt.Sprintf("%s[… %d bytes left out]\n", kept, left)
}

func TestLogsLongLines(t *testing.T) {
	const kept = 64 << 10
	long := func(n int) string { return "BEGIN" + strings.Repeat("x", n-8) + "END" }
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	wide := "ab" + strings.Repeat("€", 30_000) // 3 bytes each: the limit is in the midst of one.
	want := []string{"first\n"}
	node.print(t, "web", 0, "first")
	for i, line := range []string{long(20_000), long(65_000), long(66_000), long(kept), long(kept + 1), long(200_000), wide} {
		node.print(t, "web", i+1, line)
		node.print(t, "web", i+1, "done")
		if len(line) <= kept {
			want = append(want, line+"\n", "done\n")
			continue
		}
		cut := kept
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		want = append(want, cutLine(line[:cut], len(line)-cut), "done\n")
	}
	for _, tail := range []int{0, 1, 2, 3, 4, 5, 6, 8, 14, 15, 16, 100, 10_000} {
		t.Run(fmt.Sprint(tail), func(t *testing.T) {
			got := logsOf(t, key, org, slug, fmt.Sprintf("?tail=%d", tail))
			if diff := cmp.Diff(want[max(0, len(want)-tail):], got, cmp.Transformer("short", short), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
	t.Run("Follow", func(t *testing.T) {
		f := follow(t, key, appPath(org, slug)+"logs/?follow=true&tail=1")
		f.want(t, "done")
		node.print(t, "web", 20, long(100_000))
		node.print(t, "web", 21, "listening")
		f.want(t, strings.TrimSuffix(cutLine(long(100_000)[:kept], 100_000-kept), "\n"), "listening")
	})
}

// short makes a long line fit into a message.
func short(line string) string {
	if len(line) < 100 {
		return line
	}
	return fmt.Sprintf("%s…%s (%d bytes)", line[:8], line[len(line)-40:], len(line))
}

// TestLogsAreText says what becomes of bytes that are no text, and of a line that looks like a note.
func TestLogsAreText(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	lines := map[string]string{
		"\xff\xfe":                    "\uFFFD\uFFFD",
		"a\x00b":                      "a\uFFFDb",
		"\x1b[31mred\x1b[0m\ttab\a":   "\x1b[31mred\x1b[0m\ttab\a",
		"half of € \xe2\x82":          "half of € \uFFFD\uFFFD",
		"progress\r10 %\r20 %":        "progress\r10 %\r20 %",
		`</script>"\`:                 `</script>"\`,
		"[web ended by itself]":       `\[web ended by itself]`,
		"[" + slug + " has no Pods]":  `\[` + slug + " has no Pods]",
		"[" + slug + " worker] hello": "[" + slug + " worker] hello",
		"[webmaster said]":            "[webmaster said]",
		"":                            "",
	}
	var want []string
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		node.print(t, "web", 1, line)
		want = append(want, lines[line]+"\n")
	}
	if diff := cmp.Diff(want, logsOf(t, key, org, slug, "")); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	for i := range want {
		want[i] = strings.TrimPrefix(want[i], `\`)
	}
	if diff := cmp.Diff(want, logsOf(t, key, org, slug, "?notes=false")); diff != "" {
		t.Errorf("without notes: -want, +got:\n%s", diff)
	}
}

// setPhase has a Pod come to its end.
func setPhase(t *testing.T, organization, name string, phase corev1.PodPhase, reason, message string) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name}}
	if err := suite.cluster.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase, pod.Status.Reason, pod.Status.Message = phase, reason, message
	if err := suite.cluster.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

// TestLogsOfTerminatedPods says that Pods that came to their end take one line, and that tail counts all lines.
func TestLogsOfTerminatedPods(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	for second := range 20 {
		node.print(t, "web", second, fmt.Sprintf("line %d", second))
	}
	terminated := func(seconds int, reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Reason: reason, FinishedAt: metav1.NewTime(logTime(seconds))},
		}}
	}
	for i := range 12 {
		name := fmt.Sprintf("evicted-%d", i)
		newPod(t, org, slug, name, node.node, terminated(i, "Error"))
		setPhase(t, org, name, corev1.PodFailed, "Evicted", "Pod used too much ephemeral storage.")
	}
	newPod(t, org, slug, "lost", node.node, terminated(1, "ContainerStatusUnknown"))
	setPhase(t, org, "lost", corev1.PodFailed, "", "")
	newPod(t, org, slug, "done", node.node, terminated(2, "Completed"))
	setPhase(t, org, "done", corev1.PodSucceeded, "", "")
	newPod(t, org, slug, "rejected", node.node, corev1.ContainerStatus{})
	setPhase(t, org, "rejected", corev1.PodFailed, "OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu")

	note := "[" + slug + " has 15 terminated Pods: 12 Evicted, 1 Completed, 1 ContainerStatusUnknown, 1 OutOfcpu. " +
		"The last one, rejected: OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu]\n"
	for query, want := range map[string][]string{
		"?tail=0":             nil,
		"?tail=1":             {note}, // Of a Pod that never ran, the end is now.
		"?tail=3":             {"line 18\n", "line 19\n", note},
		"?tail=2&notes=false": {"line 18\n", "line 19\n"},
	} {
		if diff := cmp.Diff(want, logsOf(t, key, org, slug, query), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", query, diff)
		}
	}
	if got := logsOf(t, key, org, slug, "?tail=10"); len(got) != 10 {
		t.Errorf("got %d lines of 10: %q", len(got), got)
	}
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true&tail=0")
	// A Pod that ends before its App's Pods are watched is not told of.
	eventually(t, "the other Pod's log is followed", func() bool { return node.follows("web") })
	newPod(t, org, slug, "another", node.node, corev1.ContainerStatus{})
	setPhase(t, org, "another", corev1.PodFailed, "NodeShutdown", "Pod was rejected as the node is shutting down.")
	f.want(t, "[another failed: NodeShutdown: Pod was rejected as the node is shutting down.]")
}

// TestLogsRotated says that an answer which may be short because of rotation says so.
func TestLogsRotated(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(logTime(0))}}
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: running})
	check := func(query string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, logsOf(t, key, org, slug, query)); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", query, diff)
		}
	}
	node.print(t, "web", 1, "one")
	node.print(t, "web", 2, "two")
	check("", "one\n", "two\n")
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true&tail=1")
	f.want(t, "two")
	eventually(t, "the Pod is followed", func() bool { return node.follows("web") })
	node.rotate(t, "web")
	check("", "[web has printed nothing, or its node has rotated the lines away]\n")
	node.print(t, "web", 100, "three")
	node.print(t, "web", 101, "four")
	f.want(t, "three", "four")
	check("", "[web has no lines before 2026-01-01T00:01:40Z: none were printed, or its node has rotated them away]\n", "three\n", "four\n")
	check("?tail=2", "three\n", "four\n")
	check("?since=2026-01-01T00:01:41Z", "four\n")
}

// TestLogsEndWithoutRepetition says that the note on a container's end doesn't repeat the log.
func TestLogsEndWithoutRepetition(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	ended := func(name, message string) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{
			ExitCode: 2, Reason: "Error", Message: message, ContainerID: "containerd://" + name, FinishedAt: metav1.NewTime(logTime(5)),
		}
	}
	printed := func(name string) {
		node.print(t, name, 1, "starts")
		node.print(t, name, 2, "panic:  no database \xff")
	}
	printed("fails")
	printed("again.previous")
	printed("says")
	newPod(t, org, slug, "fails", node.node, corev1.ContainerStatus{
		State: corev1.ContainerState{Terminated: ended("fails", "starts\npanic:  no database \uFFFD\n")},
	})
	newPod(t, org, slug, "again", node.node, corev1.ContainerStatus{
		State: runningState(), LastTerminationState: corev1.ContainerState{Terminated: ended("again", "no database \uFFFD\n")},
	})
	newPod(t, org, slug, "says", node.node, corev1.ContainerStatus{State: corev1.ContainerState{Terminated: ended("says", "disk full\n")}})
	got := logsOf(t, key, org, slug, "")
	slices.Sort(got)
	want := []string{
		"[again ended with exit code 2: Error]\n", "[fails ended with exit code 2: Error]\n",
		"[says ended with exit code 2: Error: disk full]\n",
		"panic:  no database \uFFFD\n", "panic:  no database \uFFFD\n", "starts\n", "starts\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestLogsOfRefusedPods says that the logs tell what keeps Pods from being created, also while they are followed.
func TestLogsOfRefusedPods(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web", 1, "serves")
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "serves")
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: slug}}
	if err := suite.cluster.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
		t.Fatal(err)
	}
	app.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalid,
		Message: `pods "web-2" is forbidden: exceeded quota: berth`, LastTransitionTime: metav1.Now(),
	}}
	if err := suite.cluster.Status().Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	note := "[" + slug + ` lacks Pods of its newest version: Invalid: pods "web-2" is forbidden: exceeded quota: berth]`
	f.want(t, note)
	if diff := cmp.Diff([]string{"serves\n", note + "\n"}, logsOf(t, key, org, slug, "?tail=2")); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestFollowHeartbeat says that a log to which nothing is added is kept open by empty lines.
func TestFollowHeartbeat(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web", 1, "one")
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true&heartbeat=1s")
	f.want(t, "one", "", "")
}
