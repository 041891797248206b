package store

import (
	"context"
	"hash/maphash"
	"sync"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
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

// locks let one write at a time touch an app, so that the writes of one facade don't make each other fail. Those of several are told apart by
// resource versions.
type locks struct {
	stripes [64]sync.Mutex
}

var lockSeed = maphash.MakeSeed()

// lock waits for the app's turn and returns what ends it.
func (l *locks) lock(slug string) (unlock func()) {
	stripe := &l.stripes[maphash.String(lockSeed, slug)%uint64(len(l.stripes))]
	stripe.Lock()
	return stripe.Unlock
}
