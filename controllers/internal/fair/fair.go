// Package fair is a work queue for controllers that takes turns between organizations: however many objects of one wait, those of another wait for one
// of each organization only. Within an organization, the priorities of controller-runtime apply, so that what has changed comes before what is
// reconciled since the controllers have started.
package fair

import (
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is a priority queue that takes turns between Namespaces.
type Queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]

	ready *turns
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &Queue{}

// New makes the queue of a controller; see controller.Options.
func New(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	ready := &turns{priorities: map[reconcile.Request]int{}, waiting: map[string]*waiting{}}
	queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: ready})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{Name: name, Queue: queue})
	limiting := workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: name, DelayingQueue: delaying,
	})
	return &Queue{TypedRateLimitingInterface: limiting, ready: ready}
}

// AddWithOpts adds requests as the options say.
func (q *Queue) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	for _, r := range requests {
		q.ready.prioritize(r, ptr.Deref(o.Priority, 0))
		switch {
		case o.RateLimited:
			q.TypedRateLimitingInterface.AddRateLimited(r)
		case o.After > 0:
			q.TypedRateLimitingInterface.AddAfter(r, o.After)
		default:
			q.TypedRateLimitingInterface.Add(r)
		}
	}
}

// Add adds a request, as AddWithOpts without options.
func (q *Queue) Add(r reconcile.Request) { q.AddWithOpts(priorityqueue.AddOpts{}, r) }

// AddAfter adds a request after a time.
func (q *Queue) AddAfter(r reconcile.Request, after time.Duration) {
	q.AddWithOpts(priorityqueue.AddOpts{After: after}, r)
}

// AddRateLimited adds a request when its rate limiter says so.
func (q *Queue) AddRateLimited(r reconcile.Request) {
	q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, r)
}

// GetWithPriority waits for the next request and returns it with its priority.
func (q *Queue) GetWithPriority() (request reconcile.Request, priority int, shutdown bool) {
	request, shutdown = q.Get()
	return request, q.ready.spend(request), shutdown
}

// turns are the requests that are ready, in the order in which they are taken. The work queue that they are the inside of holds a lock whenever it calls
// Touch, Push, Len and Pop; priorities are also set without it.
type turns struct {
	mu sync.Mutex
	// priorities are those of the requests that have been added and not been taken.
	priorities map[reconcile.Request]int

	// waiting are the requests of each Namespace that has some, and order says whose turn it is next.
	waiting map[string]*waiting
	order   []string
	length  int
}

// waiting are the requests of one Namespace, first come, first served: those that something has happened to, and those of low priority.
type waiting struct {
	urgent, low []reconcile.Request
}

// prioritize keeps the priority of a request, unless a higher one is known already.
func (t *turns) prioritize(r reconcile.Request, priority int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.priorities[r]; ok && known >= priority {
		return
	}
	t.priorities[r] = priority
}

// spend returns the priority of a request that was taken, and forgets it.
func (t *turns) spend(r reconcile.Request) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	priority := t.priorities[r]
	delete(t.priorities, r)
	return priority
}

func (t *turns) isLow(r reconcile.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.priorities[r] < 0
}

// Touch is called when a request is added that waits already: its priority may have become higher.
func (t *turns) Touch(r reconcile.Request) {
	own := t.waiting[r.Namespace]
	if own == nil || t.isLow(r) {
		return
	}
	for i, waits := range own.low {
		if waits == r {
			own.low = append(own.low[:i], own.low[i+1:]...)
			own.urgent = append(own.urgent, r)
			return
		}
	}
}

// Push adds a request that waits no longer for its time.
func (t *turns) Push(r reconcile.Request) {
	own := t.waiting[r.Namespace]
	if own == nil {
		own = &waiting{}
		t.waiting[r.Namespace] = own
		t.order = append(t.order, r.Namespace)
	}
	if t.isLow(r) {
		own.low = append(own.low, r)
	} else {
		own.urgent = append(own.urgent, r)
	}
	t.length++
}

// Len returns how many requests are ready.
func (t *turns) Len() int { return t.length }

// Pop takes a request of the Namespace whose turn it is, which then comes after all others. There must be one.
func (t *turns) Pop() reconcile.Request {
	namespace := t.order[0]
	t.order[0] = ""
	t.order = t.order[1:]
	own := t.waiting[namespace]
	from := &own.urgent
	if len(*from) == 0 {
		from = &own.low
	}
	r := (*from)[0]
	(*from)[0] = reconcile.Request{}
	*from = (*from)[1:]
	t.length--
	if len(own.urgent)+len(own.low) == 0 {
		delete(t.waiting, namespace)
	} else {
		t.order = append(t.order, namespace)
	}
	return r
}
