package facade

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/testenv"
)

// kubelet plays a node's, for the API server to ask for the output of its containers.
type kubelet struct {
	mu sync.Mutex
	// output are the lines of each Pod, each with its time; ended tells those whose container has ended.
	output map[string][]string
	ended  map[string]bool
	// queries are what each Pod was asked for last.
	queries map[string]string
	node    string
}

// newKubelet makes a node with a kubelet.
func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{output: map[string][]string{}, ended: map[string]bool{}, queries: map[string]string{}}
	k.node = testenv.StartKubelet(t, suite.cluster, k)
	return k
}

// print adds a line to what a Pod printed, so many seconds after a fixed time.
func (k *kubelet) print(pod string, seconds int, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
	k.output[pod] = append(k.output[pod], at.Format(time.RFC3339Nano)+" "+text+"\n")
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

// from returns the lines of a Pod from one on, and whether there will be more.
func (k *kubelet) from(pod string, first int) ([]string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.output[pod][first:], !k.ended[pod]
}

// ServeHTTP serves GET /containerLogs/NAMESPACE/POD/CONTAINER.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pod := strings.Split(r.URL.Path, "/")[3]
	k.mu.Lock()
	k.queries[pod] = r.URL.RawQuery
	k.mu.Unlock()
	written := 0
	for {
		lines, more := k.from(pod, written)
		for _, line := range lines {
			fmt.Fprint(w, line)
		}
		written += len(lines)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		if r.URL.Query().Get("follow") != "true" || !more {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
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
