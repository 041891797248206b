package secretcache

import (
	"context"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// patience is how many refusals a read of a young organization waits for: about a second and a half.
	patience = 5
	// firstRetry is how long after the first refusal the API server is asked again, which doubles each time.
	firstRetry = 100 * time.Millisecond
	// lastRetry is how long that becomes at most.
	lastRetry = 10 * time.Second
	// beginsAtOnce is how many lists and watches of a Cache begin at the same time. Thousands that do, when a program starts, would each open a connection,
	// before the first one is there for all.
	beginsAtOnce = 32
)

// feed reads the objects of a kind in one Namespace, by a reflector that it is the store of. All but the first three fields is guarded by the lock of
// the source.
type feed struct {
	source    *source
	namespace string
	cancel    context.CancelFunc

	// known are the objects by name, as they are in the cache or will be in a moment.
	known map[string]client.Object
	// synced says that they have been listed.
	synced bool
	// refusals counts how often the API server didn't let them be listed, until it does.
	refusals int
	// ended says that nothing of this feed is to be told any more.
	ended bool
	// reached is the resource version up to which the Namespace has been read.
	reached string
	// written is the resource version of the last write through a client of the cache.
	written string
	// deleted are the objects that were deleted through a client of the cache and may still be known, by name.
	deleted map[string]types.UID
}

// run reads until ctx ends.
func (f *feed) run(ctx context.Context) {
	all := toolscache.NewFilteredListWatchFromClient(f.source.api, f.source.resource, f.namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = f.source.kind.Labels.String()
	})
	allowed := &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return persist(ctx, f, func() (runtime.Object, error) { return all.ListWithContext(ctx, o) })
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return persist(ctx, f, func() (watch.Interface, error) { return all.WatchWithContext(ctx, o) })
		},
	}
	toolscache.NewNamedReflector(f.source.resource+" of "+f.namespace, allowed, f.source.kind.Object, f, 0).RunWithContext(ctx)
}

// persist asks until the API server doesn't refuse. The RoleBinding that lets Berth read them comes a moment after the label that
// makes the Namespace an organization, so that the waits are shorter than a reflector's, and only refusals that go on are logged, once.
func persist[T any](ctx context.Context, f *feed, ask func() (T, error)) (T, error) {
	backoff := wait.Backoff{Duration: firstRetry, Factor: 2, Jitter: 0.5, Steps: 10, Cap: lastRetry}
	for refusals := 1; ; refusals++ {
		answer, err := begin(ctx, f.source.begins, ask)
		if !apierrors.IsForbidden(err) {
			return answer, err
		}
		if refusals == patience {
			klog.FromContext(ctx).Info("The objects of a Namespace may not be listed", "resource", f.source.resource, "namespace", f.namespace, "reason", err.Error())
		}
		f.refuse()
		select {
		case <-time.After(backoff.Step()):
		case <-ctx.Done():
			return answer, ctx.Err()
		}
	}
}

// begin asks when it may.
func begin[T any](ctx context.Context, turns *semaphore.Weighted, ask func() (T, error)) (answer T, err error) {
	if err := turns.Acquire(ctx, 1); err != nil {
		return answer, err
	}
	defer turns.Release(1)
	return ask()
}

func (f *feed) refuse() {
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	if !f.synced {
		f.refusals++
		f.source.notify()
	}
}

// Add takes a new object.
func (f *feed) Add(object any) error {
	kept, err := f.keep(object)
	if err != nil {
		return err
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	f.put(kept)
	f.reach(kept.GetResourceVersion())
	return nil
}

// Update takes a new version of an object.
func (f *feed) Update(object any) error { return f.Add(object) }

// Delete takes an object away.
func (f *feed) Delete(object any) error {
	kept, err := f.keep(object)
	if err != nil {
		return err
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	if f.known[kept.GetName()] != nil {
		f.remove(kept)
	}
	f.reach(kept.GetResourceVersion())
	return nil
}

// Replace takes all objects that there are.
func (f *feed) Replace(objects []any, version string) error {
	all := make(map[string]client.Object, len(objects))
	for _, object := range objects {
		kept, err := f.keep(object)
		if err != nil {
			return err
		}
		all[kept.GetName()] = kept
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	for name, gone := range f.known {
		if all[name] == nil {
			f.remove(gone)
		}
	}
	for _, kept := range all {
		f.put(kept)
	}
	f.synced, f.refusals = true, 0
	f.reach(version)
	return nil
}

// Bookmark takes note that nothing has changed up to a resource version.
func (f *feed) Bookmark(version string) error {
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	f.reach(version)
	return nil
}

// Resync does nothing: the informer does it for all.
func (*feed) Resync() error { return nil }

// keep returns what the cache keeps of an object.
func (f *feed) keep(object any) (client.Object, error) {
	kept, err := f.source.kind.Transform(object)
	if err != nil {
		return nil, err
	}
	o, ok := kept.(client.Object)
	if !ok {
		return nil, fmt.Errorf("want a %T, got %T", f.source.kind.Object, kept)
	}
	return o, nil
}

// put tells that an object is there, unless that is known. The lock must be held, as for all that follows.
func (f *feed) put(o client.Object) {
	before := f.known[o.GetName()]
	switch {
	case f.ended, before != nil && before.GetResourceVersion() == o.GetResourceVersion():
		return
	case before == nil:
		f.source.emit(watch.Added, o)
	case before.GetUID() != o.GetUID():
		// It was deleted and made again, and only the end of that was seen. They are two events, which are counted as two: an informer may tell its
		// handlers of one such event as of two (controllers/internal/informer).
		f.source.emit(watch.Deleted, before)
		f.source.emit(watch.Added, o)
	default:
		f.source.emit(watch.Modified, o)
	}
	f.known[o.GetName()] = o
}

// remove tells that an object is gone.
func (f *feed) remove(o client.Object) {
	if !f.ended {
		delete(f.known, o.GetName())
		f.source.emit(watch.Deleted, o)
	}
}

// reach notes up to which resource version the Namespace has been read.
func (f *feed) reach(version string) {
	f.reached = version
	f.source.notify()
}

// upToDate reports whether the objects have been read, with all that was written through a client of the cache.
func (f *feed) upToDate() bool {
	return f.synced && (f.written == "" || atLeast(f.reached, f.written)) && f.gone()
}

// gone reports whether what was deleted is gone, or about to go.
func (f *feed) gone() bool {
	maps.DeleteFunc(f.deleted, func(name string, uid types.UID) bool {
		known := f.known[name]
		return known == nil || known.GetUID() != uid || !known.GetDeletionTimestamp().IsZero()
	})
	return len(f.deleted) == 0
}

func atLeast(have, want string) bool {
	order, err := resourceversion.CompareResourceVersion(have, want)
	return err == nil && order >= 0
}
