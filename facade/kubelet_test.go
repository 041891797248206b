package facade

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// pieceSize is how many bytes of a line containerd writes at a time.
const pieceSize = 16 << 10

// kubelet plays a node's, for the API server to ask for the output of its containers. It has the files that a container runtime writes, and reads
// them by the kubelet's own code.
type kubelet struct {
	// RuntimeService is nil but for what the kubelet's code asks of it.
	cri.RuntimeService

	dir  string
	node string

	mu sync.Mutex
	// ended tells the Pods whose container has ended, and watched those whose log has been read to its end by a request that follows it, from where on
	// no rotation is missed.
	ended, watched map[string]bool
	// queries are what each Pod was asked for last.
	queries map[string]string
}

// newKubelet makes a node with a kubelet.
func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{dir: t.TempDir(), ended: map[string]bool{}, watched: map[string]bool{}, queries: map[string]string{}}
	k.node = testenv.StartKubelet(t, suite.cluster, k)
	return k
}

func (k *kubelet) file(pod string) string { return filepath.Join(k.dir, pod) }

// print adds a line to what a Pod printed, so many seconds after a fixed time.
func (k *kubelet) print(t *testing.T, pod string, seconds int, text string) {
	t.Helper()
	var pieces strings.Builder
	stamp := logTime(seconds).Format(time.RFC3339Nano)
	for ; len(text) > pieceSize; text = text[pieceSize:] {
		fmt.Fprintf(&pieces, "%s stdout P %s\n", stamp, text[:pieceSize])
	}
	fmt.Fprintf(&pieces, "%s stdout F %s\n", stamp, text)
	file, err := os.OpenFile(k.file(pod), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(pieces.String())
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// logTime is so many seconds after the fixed time.
func logTime(seconds int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

// rotate puts what a Pod printed out of reach.
func (k *kubelet) rotate(t *testing.T, pod string) {
	t.Helper()
	if err := os.Rename(k.file(pod), k.file(pod)+".rotated"); err != nil {
		t.Fatal(err)
	}
}

func (k *kubelet) end(pod string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended[pod] = true
}

func (k *kubelet) query(pod string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.queries[pod]
}

func (k *kubelet) follows(pod string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.watched[pod]
}

// ContainerStatus says whether a container runs; its id is the name of its Pod.
func (k *kubelet) ContainerStatus(_ context.Context, id string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watched[id] = true // The kubelet's code asks once it watches the log.
	state := runtimeapi.ContainerState_CONTAINER_RUNNING
	if k.ended[id] {
		state = runtimeapi.ContainerState_CONTAINER_EXITED
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

// ServeHTTP serves GET /containerLogs/NAMESPACE/POD/CONTAINER.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pod, query := strings.Split(r.URL.Path, "/")[3], r.URL.Query()
	k.mu.Lock()
	k.queries[pod] = r.URL.RawQuery
	k.mu.Unlock()
	name := pod
	if query.Get("previous") == "true" {
		name += ".previous"
	}
	out := flushed{w}
	file, err := os.OpenFile(k.file(name), os.O_CREATE, 0o600) // What printed nothing has an empty file.
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = logs.ReadLogs(r.Context(), k.file(name), pod, optionsOf(query), k, out, out)
	}
	if err != nil {
		fmt.Fprintln(w, err)
	}
}

func optionsOf(query url.Values) *logs.LogOptions {
	options := &logs.LogOptions{Follow: query.Get("follow") == "true", Timestamp: query.Get("timestamps") == "true"}
	if lines, err := strconv.ParseInt(query.Get("tailLines"), 10, 64); err == nil {
		options.TailLines = &lines
	}
	if since, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		options.Since = since
	}
	return options
}

// flushed sends each write at once.
type flushed struct{ http.ResponseWriter }

func (f flushed) Write(data []byte) (int, error) {
	n, err := f.ResponseWriter.Write(data)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

// newPod makes a Pod of an app on a node, whose container is in this state.
func newPod(t *testing.T, organization, app, name, node string, status corev1.ContainerStatus) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name, Labels: map[string]string{v1alpha1.LabelApp: app}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "example.com/a"}}},
	}
	if err := suite.cluster.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	status.Name = "app"
	if status.ContainerID == "" {
		status.ContainerID = "containerd://" + name
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	if err := suite.cluster.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
}

func runningState() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}
