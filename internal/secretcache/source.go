package secretcache

import (
	"context"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// source is what the informer for a kind lists and watches instead of the API server: the objects of all Namespaces that are read.
type source struct {
	api  rest.Interface
	kind Kind
	// resource is what the API server calls the kind, such as secrets.
	resource string
	// always are the Namespaces that are read beside those that are organizations.
	always []string
	// begins bounds how many lists and watches begin at the same time.
	begins *semaphore.Weighted
	// namespaces is done when all Namespaces known at the start have been heard of.
	namespaces toolscache.DoneChecker

	mu sync.Mutex
	// running ends when the cache stops; nil before it starts.
	running context.Context //nolint:containedctx // Feeds begin whenever a Namespace becomes an organization.
	feeds   map[string]*feed
	work    sync.WaitGroup
	// queue is what the informer has not been told yet.
	queue []watch.Event
	// positions say for each Namespace how far the informer is behind.
	positions map[string]*position
	// changed is closed when anything here changes, if somebody waits for that.
	changed chan struct{}
}

// position counts the changes of a Namespace's objects: those that were put into the queue, and those that the informer has seen.
type position struct{ queued, seen uint64 }

func newSource(api rest.Interface, resource string, kind Kind, always []string, begins *semaphore.Weighted) *source {
	return &source{
		api: api, resource: resource, kind: kind, always: always, begins: begins, feeds: map[string]*feed{}, positions: map[string]*position{},
	}
}

// start lets feeds begin. The function ends them all.
func (s *source) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.running = ctx
	s.mu.Unlock()
	for _, namespace := range s.always {
		s.begin(namespace)
	}
	return func() {
		s.mu.Lock()
		cancel() // No feed begins after that.
		s.mu.Unlock()
		s.work.Wait()
	}
}

// organizations hears which Namespaces are organizations.
func (s *source) organizations() toolscache.ResourceEventHandler {
	now := func(object any) {
		if namespace, ok := object.(*corev1.Namespace); ok && isOrganization(namespace) {
			s.begin(namespace.Name)
		} else if ok {
			s.end(namespace.Name)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    now,
		UpdateFunc: func(_, object any) { now(object) },
		DeleteFunc: func(object any) {
			if name, err := toolscache.DeletionHandlingObjectToName(object); err == nil {
				s.end(name.Name)
			}
		},
	}
}

// begin reads the objects of a Namespace from now on.
func (s *source) begin(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feeds[namespace] != nil || s.running == nil || s.running.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.running)
	f := &feed{source: s, namespace: namespace, cancel: cancel, known: map[string]client.Object{}, deleted: map[string]types.UID{}}
	s.feeds[namespace] = f
	s.work.Go(func() { f.run(ctx) })
}

// end stops reading the objects of a Namespace, and takes them out of the cache.
func (s *source) end(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[namespace]
	if f == nil || slices.Contains(s.always, namespace) {
		return
	}
	f.cancel()
	for _, o := range f.known {
		f.remove(o)
	}
	f.ended = true
	delete(s.feeds, namespace)
	s.notify()
}

// reads reports whether the objects of a Namespace are read.
func (s *source) reads(namespace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feeds[namespace] != nil
}

// read returns the Namespaces whose objects are read.
func (s *source) read() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.feeds))
}

// listed returns the Namespaces whose objects are in a list of those of a Namespace, or of all.
func (s *source) listed(namespace string) []string {
	if namespace != corev1.NamespaceAll {
		return []string{namespace}
	}
	return s.read()
}

// await returns when the informer has the objects of a Namespace as they are now or later, with all that was written through a client of
// this cache, or the Namespace isn't read.
func (s *source) await(ctx context.Context, namespace string) error {
	var current *feed
	var target uint64
	return s.until(ctx, func() (bool, error) {
		f := s.feeds[namespace]
		if f == nil {
			return true, nil
		}
		if f.refusals >= patience {
			return false, apierrors.NewServiceUnavailable("the " + s.resource + " of Namespace " + namespace + " may not be listed yet")
		}
		if !f.upToDate() {
			return false, nil
		}
		at := s.position(namespace)
		if current != f {
			current, target = f, at.queued
		}
		return at.seen >= target, nil
	})
}

// until waits until what done says is true, or an error. It is asked under the lock, after each change.
func (s *source) until(ctx context.Context, done func() (bool, error)) error {
	for {
		s.mu.Lock()
		ok, err := done()
		if ok || err != nil {
			s.mu.Unlock()
			return err
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes those who wait for a change. The lock must be held.
func (s *source) notify() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// emit tells the informer of a change. The lock must be held.
func (s *source) emit(kind watch.EventType, o client.Object) {
	s.queue = append(s.queue, watch.Event{Type: kind, Object: o})
	s.position(o.GetNamespace()).queued++
	s.notify()
}

// position returns the position of a Namespace. The lock must be held.
func (s *source) position(namespace string) *position {
	p := s.positions[namespace]
	if p == nil {
		p = &position{}
		s.positions[namespace] = p
	}
	return p
}

// progress hears of each change once the informer has made it.
func (s *source) progress() toolscache.ResourceEventHandler {
	saw := func(object any) {
		name, err := toolscache.DeletionHandlingObjectToName(object)
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		at := s.position(name.Namespace)
		at.seen++
		if s.feeds[name.Namespace] == nil && at.seen == at.queued {
			delete(s.positions, name.Namespace)
		}
		s.notify()
	}
	return toolscache.ResourceEventHandlerFuncs{AddFunc: saw, UpdateFunc: func(_, object any) { saw(object) }, DeleteFunc: saw}
}
