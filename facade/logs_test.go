package facade

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// loggingApp makes an organization with an app.
func loggingApp(t *testing.T) (organizationName, slug, key string) {
	t.Helper()
	org, key := organization(t)
	slug = "logs-" + strings.TrimPrefix(org, "org-")
	call(t, key, http.MethodPost, appsPath(org), map[string]any{"slug": slug, "location": "example.com/a"}).want(t, http.StatusCreated)
	return org, slug, key
}

func TestLogs(t *testing.T) {
	org, slug, key := loggingApp(t)
	path := appPath(org, slug) + "logs/"
	content := func(query string) string {
		t.Helper()
		return decode[wire.Logs](t, call(t, key, http.MethodGet, path+query, nil).want(t, http.StatusOK)).Content
	}
	if diff := cmp.Diff("["+slug+" has no Pods]\n", content("")); diff != "" {
		t.Errorf("an app without Pods: -want, +got:\n%s", diff)
	}

	node := newKubelet(t)
	newPod(t, org, slug, "web-a", node.node, corev1.ContainerStatus{State: runningState()})
	newPod(t, org, slug, "web-b", node.node, corev1.ContainerStatus{State: runningState()})
	newPod(t, org, "another", "other", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web-a", 1, "a 1")
	node.print(t, "web-b", 2, "b 2")
	node.print(t, "web-a", 3, "a 3")
	node.print(t, "other", 4, "of another app")

	cases := map[string]struct {
		query, want string
	}{
		"All":      {want: "a 1\nb 2\na 3\n"},
		"Tail":     {query: "?tail=2", want: "b 2\na 3\n"},
		"TailNone": {query: "?tail=0", want: ""},
		"SinceTime": {
			query: "?since=2026-01-01T00:00:02Z",
			want:  "b 2\na 3\n",
		},
		"Since": {query: "?since=1m", want: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, content(tc.query)); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

// TestLogsOfBrokenPods says that an app that doesn't come up tells why.
func TestLogsOfBrokenPods(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	ended := &corev1.ContainerStateTerminated{
		ExitCode: 137, Reason: "OOMKilled", ContainerID: "containerd://before",
		FinishedAt: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC)),
	}
	newPod(t, org, slug, "crashing", node.node, corev1.ContainerStatus{
		State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"}},
		LastTerminationState: corev1.ContainerState{Terminated: ended},
	})
	node.print(t, "crashing", 4, "out of memory")
	newPod(t, org, slug, "pulling", node.node, corev1.ContainerStatus{
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"}},
	})
	newPod(t, org, slug, "unscheduled", "", corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}})
	newPod(t, org, slug, "unreachable", testenv.NewNode(t, suite.cluster, 1), corev1.ContainerStatus{State: runningState()})

	want := []string{
		"[unreachable can't be read at the moment: its node doesn't answer]",
		"out of memory",
		"[crashing ended with exit code 137: OOMKilled]",
		"[crashing waits: CrashLoopBackOff: back-off 10s]",
		"[pulling waits: ImagePullBackOff: The image cannot be pulled.]",
		"",
	}
	content := call(t, key, http.MethodGet, appPath(org, slug)+"logs/", nil).want(t, http.StatusOK).json(t)["content"]
	if diff := cmp.Diff(strings.Join(want, "\n"), content); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	call(t, key, http.MethodGet, appPath(org, slug)+"logs/?previous=true", nil).want(t, http.StatusOK)
	if got := node.query("crashing"); !strings.Contains(got, "previous=true") {
		t.Errorf("the node was asked for %s, not for the previous container", got)
	}
}

func TestBadLogParameters(t *testing.T) {
	org, slug, key := loggingApp(t)
	cases := map[string]struct {
		query string
		want  []string
	}{
		"TailText":          {query: "tail=all", want: []string{"tail"}},
		"TailNegative":      {query: "tail=-1", want: []string{"tail"}},
		"TailTooLarge":      {query: "tail=10001", want: []string{"tail"}},
		"Since":             {query: "since=yesterday", want: []string{"since"}},
		"SinceYearMinus1":   {query: "since=0000-01-01T00:00:00%2B01:00", want: []string{"since"}},
		"SinceYear10000":    {query: "since=9999-12-31T23:59:59-01:00", want: []string{"since"}},
		"SinceNegative":     {query: "since=-1h", want: []string{"since"}},
		"Heartbeat":         {query: "heartbeat=often", want: []string{"heartbeat"}},
		"HeartbeatTooOften": {query: "heartbeat=1ms", want: []string{"heartbeat"}},
		"HeartbeatNegative": {query: "heartbeat=-1s", want: []string{"heartbeat"}},
		"Notes":             {query: "notes=some", want: []string{"notes"}},
		"Previous":          {query: "previous=maybe", want: []string{"previous"}},
		"Follow":            {query: "follow=2", want: []string{"follow"}},
		"FollowingPrevious": {query: "follow=true&previous=true", want: []string{"follow"}},
		"Several":           {query: "tail=x&since=x", want: []string{"since", "tail"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := call(t, key, http.MethodGet, appPath(org, slug)+"logs/?"+tc.query, nil).want(t, http.StatusBadRequest).json(t)
			delete(got, "detail")
			if diff := cmp.Diff(tc.want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("fields: -want, +got:\n%s", diff)
			}
		})
	}
	call(t, key, http.MethodGet, appPath(org, "no-such-app")+"logs/", nil).want(t, http.StatusNotFound)
}

// followed is an answer that goes on.
type followed struct {
	lines  chan string
	cancel context.CancelFunc
}

func follow(t *testing.T, key, path string) *followed {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, suite.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(key, "")
	response, err := suite.client.Do(request) //nolint:bodyclose // The goroutine that reads it closes it.
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/plain; charset=utf-8" {
		t.Fatalf("got %d %s", response.StatusCode, got)
	}
	f := &followed{lines: make(chan string, 100), cancel: cancel}
	go func() {
		defer close(f.lines)
		defer response.Body.Close()
		scanner := bufio.NewScanner(response.Body)
		for scanner.Buffer(nil, 1<<20); scanner.Scan(); {
			f.lines <- scanner.Text()
		}
	}()
	return f
}

// want fails the test unless these lines come next, or the end for none.
func (f *followed) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		select {
		case got, open := <-f.lines:
			if got != want || !open {
				t.Fatalf("got %q (ended: %t), want %q", got, !open, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q doesn't come", want)
		}
	}
}

func (f *followed) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case got, open := <-f.lines:
		if open {
			t.Fatalf("got %q, want the end", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it doesn't end")
	}
}

// TestFollow goes with an app through new lines, a crash, a rollout and its end.
func TestFollow(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "old", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "old", 1, "left out")
	node.print(t, "old", 2, "before")
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true&tail=1")
	f.want(t, "before")
	node.print(t, "old", 2, "left out: the time of a line that was sent")
	node.print(t, "old", 3, "after")
	f.want(t, "after")

	newPod(t, org, slug, "new", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "new", 1, "of the new Pod, all of it")
	f.want(t, "of the new Pod, all of it")

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "old"}}
	if err := suite.cluster.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
		t.Fatal(err)
	}
	node.end("old")
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", ContainerID: "containerd://old"},
	}
	if err := suite.cluster.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	f.want(t, "[old ended with exit code 1: Error]")

	call(t, key, http.MethodDelete, appPath(org, slug), nil).want(t, http.StatusNoContent)
	f.wantEnd(t)
}

// TestFollowUntilClientGoes says that a client that goes takes its streams with it.
func TestFollowUntilClientGoes(t *testing.T) {
	org, slug, key := loggingApp(t)
	node := newKubelet(t)
	newPod(t, org, slug, "web", node.node, corev1.ContainerStatus{State: runningState()})
	node.print(t, "web", 1, "one")
	f := follow(t, key, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "one")
	f.cancel()
	eventually(t, "the request ends", func() bool {
		return strings.Contains(suite.log.String(), `"path":"`+appPath(org, slug)+`logs/"`)
	})
}
