// Package informer makes informers whose handlers miss nothing while a watch is away for so long that it has to list anew. One of client-go alone
// tells then of an object that was deleted and made again as of one that was changed, and doesn't tell how far it has come.
package informer

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
)

// tellEvery is how often it is told how far an informer has come.
const tellEvery = time.Second

// New makes an informer, as cache.Options.NewInformer of controller-runtime wants it. It differs from one of client-go in two ways:
//
//   - An object that was deleted and made again while nothing was seen is told of as two objects. As a change, those who look at what has changed would
//     drop it where the new one is as the old one was: both have generation 1, and neither has come or gone. And a client that reads what it has
//     written would go on to wait for the first one to go, if it has deleted that itself.
//   - The handler by which a client reads what it has written (client.CacheOptions.EnableReadYourWritesConsistency) is told how far the informer has
//     come. Otherwise it learns that only from the objects that are there, so it would wait in vain for what was deleted while nothing was seen.
func New(lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	return &informer{SharedIndexInformer: toolscache.NewSharedIndexInformer(lw, o, resync, indexers)}
}

type informer struct {
	toolscache.SharedIndexInformer

	mu      sync.Mutex
	waiters []waiter
}

// waiter is a handler that waits for resource versions, as that of controller-runtime's client does. It is told of one that has been reached as of an
// update from nothing, beside its other calls, and for each of its informers if it has several.
type waiter interface {
	toolscache.ResourceEventHandler
	SetMinimumRV(key types.NamespacedName, version int64)
}

// Run runs the informer until the channel is closed.
func (i *informer) Run(stop <-chan struct{}) { i.RunWithContext(wait.ContextForChannel(stop)) }

// RunWithContext runs the informer until ctx ends.
func (i *informer) RunWithContext(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	tellingContext, stop := context.WithCancel(ctx)
	defer stop() // Also if the informer runs already, or panics.
	telling.Go(func() {
		told := ""
		wait.UntilWithContext(tellingContext, func(context.Context) { told = i.tell(told) }, tellEvery)
	})
	i.SharedIndexInformer.RunWithContext(ctx)
}

// tell tells those who wait how far the informer has come, unless they have been told, and returns how far that is.
func (i *informer) tell(told string) string {
	reached := i.GetStore().LastStoreSyncResourceVersion()
	if reached == told || reached == "" {
		return told
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range i.waiters {
		w.OnUpdate(nil, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{ResourceVersion: reached}})
	}
	return reached
}

// AddEventHandler adds a handler.
func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	registration, err := i.SharedIndexInformer.AddEventHandler(separately{h})
	return i.added(h, registration, err)
}

// AddEventHandlerWithResyncPeriod adds a handler that is told of everything once in a while.
func (i *informer) AddEventHandlerWithResyncPeriod(
	h toolscache.ResourceEventHandler, resync time.Duration,
) (toolscache.ResourceEventHandlerRegistration, error) {
	registration, err := i.SharedIndexInformer.AddEventHandlerWithResyncPeriod(separately{h}, resync)
	return i.added(h, registration, err)
}

// AddEventHandlerWithOptions adds a handler.
func (i *informer) AddEventHandlerWithOptions(
	h toolscache.ResourceEventHandler, o toolscache.HandlerOptions,
) (toolscache.ResourceEventHandlerRegistration, error) {
	registration, err := i.SharedIndexInformer.AddEventHandlerWithOptions(separately{h}, o)
	return i.added(h, registration, err)
}

// added remembers a handler that waits, and returns what it was added with.
func (i *informer) added(
	h toolscache.ResourceEventHandler, registration toolscache.ResourceEventHandlerRegistration, err error,
) (toolscache.ResourceEventHandlerRegistration, error) {
	if w, ok := h.(waiter); ok && err == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.waiters = append(i.waiters, w)
	}
	return registration, err
}

// separately tells a handler of two objects that have had the same name as of one that goes and one that comes.
type separately struct {
	toolscache.ResourceEventHandler
}

// OnUpdate is called with an object as it was and as it is, or with two of the same name.
func (s separately) OnUpdate(before, after any) {
	if !replaced(before, after) {
		s.ResourceEventHandler.OnUpdate(before, after)
		return
	}
	s.OnDelete(before)
	s.OnAdd(after, false)
}

func replaced(before, after any) bool {
	was, err := meta.Accessor(before)
	if err != nil {
		return false
	}
	is, err := meta.Accessor(after)
	return err == nil && was.GetUID() != is.GetUID()
}
