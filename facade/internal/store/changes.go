package store

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// changes tells those who wait for something in the caches that they have changed.
type changes struct {
	mu       sync.Mutex
	happened chan struct{}
}

func (c *changes) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.happened)
	c.happened = make(chan struct{})
}

func (c *changes) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.happened
}

// await returns true once seen does, which is asked after each change, and false if ctx ends first.
func (c *changes) await(ctx context.Context, seen func() bool) bool {
	for {
		next := c.next()
		if seen() {
			return true
		}
		select {
		case <-next:
		case <-ctx.Done():
			return false
		}
	}
}

// handler is for kinds whose objects are looked up in the cache, which has changed before its handlers are called.
func (c *changes) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { c.notify() },
		UpdateFunc: func(any, any) { c.notify() },
		DeleteFunc: func(any) { c.notify() },
	}
}

// reached tells whether a resource version is at least another one of the same kind.
func reached(have, want string) bool {
	order, err := resourceversion.CompareResourceVersion(have, want)
	return err == nil && order >= 0
}

// locks let one write at a time touch an app, so that the writes of one facade don't make each other fail. Those of several facades are told
// apart by resource versions. An app's writes wait for no other app's. The zero value is ready to use.
type locks struct {
	mu   sync.Mutex
	held map[client.ObjectKey]*turns
}

// turns is the lock of one app, with how many hold it or wait for it.
type turns struct {
	turn  *semaphore.Weighted
	users int
}

// lock waits for the turn at an app and returns what ends it. The error is that of ctx, if it ends before: a client that is gone waits no longer.
func (l *locks) lock(ctx context.Context, app client.ObjectKey) (unlock func(), err error) {
	queue := l.join(app)
	if err := queue.turn.Acquire(ctx, 1); err != nil {
		l.leave(app)
		return nil, err
	}
	return func() {
		queue.turn.Release(1)
		l.leave(app)
	}, nil
}

func (l *locks) join(app client.ObjectKey) *turns {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[client.ObjectKey]*turns{}
	}
	if l.held[app] == nil {
		l.held[app] = &turns{turn: semaphore.NewWeighted(1)}
	}
	l.held[app].users++
	return l.held[app]
}

func (l *locks) leave(app client.ObjectKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[app].users--
	if l.held[app].users == 0 {
		delete(l.held, app)
	}
}
