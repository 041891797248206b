package fuzz

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// kubelet plays a node's, for the API server to ask for the output of Pods. One named flood prints as fast as it is read, one named printing ten
// lines a second, any other what print says.
type kubelet struct {
	mu sync.Mutex
	// printed are the lines so far; more is closed and replaced when there are more.
	printed []string
	more    chan struct{}
	// following is how many follow.
	following int
}

// startKubelet makes a node with a kubelet, and returns the node's name. It is there until the test ends.
func startKubelet(tb testing.TB) (k *kubelet, node string) {
	tb.Helper()
	k = &kubelet{more: make(chan struct{})}
	return k, testenv.StartKubelet(tb, suite.cluster, k)
}

func (k *kubelet) print(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.printed = append(k.printed, stamped(text))
	close(k.more)
	k.more = make(chan struct{})
}

func stamped(text string) string {
	return time.Now().UTC().Format(time.RFC3339Nano) + " " + text + "\n"
}

func (k *kubelet) from(first int) (lines []string, more <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.printed[first:], k.more
}

func (k *kubelet) count(change int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.following += change
}

func (k *kubelet) followers() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.following
}

// ServeHTTP serves GET /containerLogs/NAMESPACE/POD/CONTAINER.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	follow := r.URL.Query().Get("follow") == "true"
	switch strings.Split(r.URL.Path, "/")[3] {
	case "flood":
		flood(w, follow)
	case "printing":
		printSteadily(w, r, follow)
	default:
		k.show(w, r, follow)
	}
}

func flood(w io.Writer, follow bool) {
	for line := stamped(strings.Repeat("x", 1000)); follow; {
		if _, err := io.WriteString(w, line); err != nil {
			return
		}
	}
}

// printSteadily has something to say to whoever follows, also to those who want nothing of what was before.
func printSteadily(w http.ResponseWriter, r *http.Request, follow bool) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := io.WriteString(w, stamped("a line")); err != nil || !flushed(w) || !follow {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// show sends what has been printed, and what is printed while somebody follows.
func (k *kubelet) show(w http.ResponseWriter, r *http.Request, follow bool) {
	if follow {
		k.count(1)
		defer k.count(-1)
	}
	written := 0
	for {
		lines, more := k.from(written)
		for _, line := range lines {
			_, _ = io.WriteString(w, line) // If it fails, so does the flush.
		}
		written += len(lines)
		if !flushed(w) || !follow {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
	}
}

func flushed(w http.ResponseWriter) bool { return http.NewResponseController(w).Flush() == nil }

// newLog makes an App of the first organization with a Pod that runs on a node, both with this name.
func newLog(ctx context.Context, name, node string) error {
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: orgOne, Name: name}, Spec: v1alpha1.AppSpec{Image: "example.com/a"}}
	if err := suite.cluster.Create(ctx, app); err != nil {
		return err
	}
	if err := newPod(ctx, name, name, node); err != nil {
		return err
	}
	transport := newTransport(false)
	defer transport.CloseIdleConnections()
	return poll(ctx, func() bool {
		status, _, err := get(ctx, transport, keyManager, logsPath(name))
		return err == nil && status == http.StatusOK
	})
}

// newPod makes a Pod of an App, which there need not be, that runs on a node.
func newPod(ctx context.Context, name, app, node string) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: orgOne, Name: name, Labels: map[string]string{v1alpha1.LabelApp: app}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "example.com/a"}}},
	}
	if err := suite.cluster.Create(ctx, pod); err != nil {
		return err
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "app", ContainerID: "containerd://" + name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}
	return suite.cluster.Status().Update(ctx, pod)
}

func logsPath(app string) string { return "/api/containers/" + orgOne + "/apps/" + app + "/logs/" }
