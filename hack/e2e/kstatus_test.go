package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
)

// statuses are what kstatus makes of an object as it changes.
type statuses struct {
	mu sync.Mutex
	// now is the one that it has, and message what kstatus says beside.
	now     status.Status
	message string
	// seen are those that it got since they were last asked for.
	seen []status.Status
}

// watchStatuses follows an object, which need not be there yet, until the test ends. The resource is apps or domains.
func watchStatuses(t *testing.T, resource, namespace, name string) *statuses {
	t.Helper()
	c, err := dynamic.NewForConfig(berth.Config)
	if err != nil {
		t.Fatal(err)
	}
	only := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	w, err := c.Resource(berthv1alpha1.GroupVersion.WithResource(resource)).Namespace(namespace).Watch(t.Context(), only)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	s := &statuses{}
	go func() {
		for event := range w.ResultChan() {
			if u, ok := event.Object.(*unstructured.Unstructured); ok {
				s.note(u, event.Type == watch.Deleted)
			}
		}
	}()
	return s
}

// note adds the status of an object, unless it is the last one still.
func (s *statuses) note(u *unstructured.Unstructured, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, message := status.UnknownStatus, "kstatus can't tell"
	if result, err := status.Compute(u); err == nil {
		now, message = result.Status, result.Message
	}
	if gone {
		now, message = status.NotFoundStatus, "it is gone"
	}
	if s.message = message; now != s.now {
		s.now, s.seen = now, append(s.seen, now)
	}
}

// mustGo waits until the object has got these statuses since the last call, and fails the test if it got others, or in another order.
func (s *statuses) mustGo(t *testing.T, what string, want ...status.Status) {
	t.Helper()
	var seen []status.Status
	eventually(t, time.Minute, fmt.Sprintf("kstatus of %s goes %v", what, want), func() (bool, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if seen = slices.Clone(s.seen); len(seen) < len(want) {
			return false, fmt.Sprintf("%v: %s", seen, s.message)
		}
		s.seen = nil
		return true, ""
	})
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("kstatus of %s: -want +got:\n%s", what, diff)
	}
}
