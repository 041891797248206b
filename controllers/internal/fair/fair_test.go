package fair

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func newQueue(t *testing.T) *Queue {
	t.Helper()
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, time.Minute)
	q, ok := New("", limiter).(*Queue)
	if !ok {
		t.Fatal("New(...) makes no Queue")
	}
	t.Cleanup(q.ShutDown)
	return q
}

// take takes n requests and returns them in their order, as NAMESPACE/NAME.
func take(q *Queue, n int) []string {
	var taken []string
	for range n {
		r, _, _ := q.GetWithPriority()
		taken = append(taken, r.String())
		q.Done(r)
	}
	return taken
}

func TestTurns(t *testing.T) {
	low, urgent := priorityqueue.AddOpts{Priority: new(-100)}, priorityqueue.AddOpts{}
	cases := map[string]struct {
		reason string
		add    func(q *Queue)
		want   []string
	}{
		"OneOrganization": {
			add:  func(q *Queue) { q.AddWithOpts(urgent, request("a", "1"), request("a", "2"), request("a", "1")) },
			want: []string{"a/1", "a/2"},
		},
		"ManyOfOne": {
			reason: "Those of another organization do not wait for all of them.",
			add: func(q *Queue) {
				for i := range 1000 {
					q.Add(request("attacker", fmt.Sprint(i)))
				}
				q.Add(request("victim", "1"))
				q.Add(request("victim", "2"))
				q.Add(request("third", "1"))
			},
			want: []string{"attacker/0", "victim/1", "third/1", "attacker/1", "victim/2", "attacker/2", "attacker/3"},
		},
		"Priority": {
			reason: "What has changed comes first in its own organization, and does not delay another's.",
			add: func(q *Queue) {
				q.AddWithOpts(low, request("a", "1"), request("a", "2"), request("b", "1"))
				q.AddWithOpts(urgent, request("a", "3"), request("a", "4"))
			},
			want: []string{"a/3", "b/1", "a/4", "a/1", "a/2"},
		},
		"BecomesUrgent": {
			add: func(q *Queue) {
				q.AddWithOpts(low, request("a", "1"), request("a", "2"))
				q.AddWithOpts(urgent, request("a", "2"))
				q.AddWithOpts(low, request("a", "2"))
			},
			want: []string{"a/2", "a/1"},
		},
		"ClusterScoped": {
			add:  func(q *Queue) { q.AddWithOpts(urgent, request("", "x"), request("", "y")) },
			want: []string{"/x", "/y"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t)
			tc.add(q)
			if diff := cmp.Diff(tc.want, take(q, len(tc.want))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestQueueForgetsWhatIsDone(t *testing.T) {
	q := newQueue(t)
	for i := range 100 {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: new(i - 50)}, request(fmt.Sprint(i%3), fmt.Sprint(i)))
	}
	take(q, 100)
	if n := q.Len() + len(q.ready.priorities) + len(q.ready.waiting) + len(q.ready.order); n != 0 {
		t.Errorf("it still has %d things of what is done", n)
	}
}

// TestRequeue says that what is added while it is being worked on comes again, with the priority that the controller gives it, and that delays are kept.
func TestRequeue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		defer q.ShutDown()
		q.AddWithOpts(priorityqueue.AddOpts{Priority: new(-100)}, request("a", "1"))
		r, priority, _ := q.GetWithPriority()
		if priority != -100 {
			t.Errorf("priority %d, want -100", priority)
		}
		q.Add(r)
		if q.Len() != 0 {
			t.Error("it is ready while it is being worked on")
		}
		q.Done(r)
		if got := take(q, 1); got[0] != "a/1" {
			t.Errorf("got %v", got)
		}
		start := time.Now()
		q.AddWithOpts(priorityqueue.AddOpts{After: time.Minute}, request("a", "2"))
		q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, request("a", "3"))
		if got := take(q, 1); got[0] != "a/3" || time.Since(start) != time.Second {
			t.Errorf("got %v after %s, want what is tried again after a second", got, time.Since(start))
		}
		if got := take(q, 1); got[0] != "a/2" || time.Since(start) != time.Minute {
			t.Errorf("got %v after %s, want what is due in a minute", got, time.Since(start))
		}
	})
}
