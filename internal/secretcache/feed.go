package secretcache

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// patience is how many refusals a read of a young organization waits for: about a second and a half.
	patience = 5
	// firstRetry is how long after the first refusal the API server is asked again, which doubles each time.
	firstRetry = 100 * time.Millisecond
	// lastRetry is how long that becomes at most.
	lastRetry = 10 * time.Second
)

// feed reads the Secrets of one Namespace, by a reflector that it is the store of. All but the first three fields is guarded by the lock of
// the source.
type feed struct {
	source    *source
	namespace string
	cancel    context.CancelFunc

	// known are the Secrets by name, as they are in the cache or will be in a moment.
	known map[string]*corev1.Secret
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
	// deleted are the Secrets that were deleted through a client of the cache and may still be known, by name.
	deleted map[string]types.UID
}

// run reads until ctx ends.
func (f *feed) run(ctx context.Context) {
	all := toolscache.NewFilteredListWatchFromClient(f.source.api, "secrets", f.namespace, func(o *metav1.ListOptions) {
		o.LabelSelector = f.source.options.Labels.String()
	})
	allowed := &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return persist(ctx, f, func() (runtime.Object, error) { return all.ListWithContext(ctx, o) })
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return persist(ctx, f, func() (watch.Interface, error) { return all.WatchWithContext(ctx, o) })
		},
	}
	toolscache.NewNamedReflector("secrets of "+f.namespace, allowed, &corev1.Secret{}, f, 0).RunWithContext(ctx)
}

// persist asks until the API server doesn't refuse. The RoleBinding that lets Berth read the Secrets comes a moment after the label that
// makes the Namespace an organization, so that the waits are shorter than a reflector's, and only refusals that go on are logged, once.
func persist[T any](ctx context.Context, f *feed, ask func() (T, error)) (T, error) {
	backoff := wait.Backoff{Duration: firstRetry, Factor: 2, Jitter: 0.5, Steps: 10, Cap: lastRetry}
	for refusals := 1; ; refusals++ {
		answer, err := ask()
		if !apierrors.IsForbidden(err) {
			return answer, err
		}
		if refusals == patience {
			klog.FromContext(ctx).Info("The Secrets of a Namespace may not be listed", "namespace", f.namespace, "reason", err.Error())
		}
		f.refuse()
		select {
		case <-time.After(backoff.Step()):
		case <-ctx.Done():
			return answer, ctx.Err()
		}
	}
}

func (f *feed) refuse() {
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	if !f.synced {
		f.refusals++
		f.source.notify()
	}
}

// Add takes a new Secret.
func (f *feed) Add(object any) error {
	secret, err := f.keep(object)
	if err != nil {
		return err
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	f.put(secret)
	f.reach(secret.ResourceVersion)
	return nil
}

// Update takes a new version of a Secret.
func (f *feed) Update(object any) error { return f.Add(object) }

// Delete takes a Secret away.
func (f *feed) Delete(object any) error {
	secret, err := f.keep(object)
	if err != nil {
		return err
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	if f.known[secret.Name] != nil {
		f.remove(secret)
	}
	f.reach(secret.ResourceVersion)
	return nil
}

// Replace takes all Secrets that there are.
func (f *feed) Replace(objects []any, version string) error {
	secrets := make(map[string]*corev1.Secret, len(objects))
	for _, object := range objects {
		secret, err := f.keep(object)
		if err != nil {
			return err
		}
		secrets[secret.Name] = secret
	}
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	for name, gone := range f.known {
		if secrets[name] == nil {
			f.remove(gone)
		}
	}
	for _, secret := range secrets {
		f.put(secret)
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

// keep returns what the cache keeps of a Secret.
func (f *feed) keep(object any) (*corev1.Secret, error) {
	kept, err := f.source.options.Transform(object)
	if err != nil {
		return nil, err
	}
	secret, ok := kept.(*corev1.Secret)
	if !ok {
		return nil, fmt.Errorf("want a Secret, got %T", kept)
	}
	return secret, nil
}

// put tells that a Secret is there, unless that is known. The lock must be held, as for all that follows.
func (f *feed) put(secret *corev1.Secret) {
	before := f.known[secret.Name]
	switch {
	case f.ended, before != nil && before.ResourceVersion == secret.ResourceVersion:
		return
	case before == nil:
		f.source.emit(watch.Added, secret)
	case before.UID != secret.UID:
		// It was deleted and made again, and only the end of that was seen. They are two events, which are counted as two: an informer may tell its
		// handlers of one such event as of two (controllers/internal/informer).
		f.source.emit(watch.Deleted, before)
		f.source.emit(watch.Added, secret)
	default:
		f.source.emit(watch.Modified, secret)
	}
	f.known[secret.Name] = secret
}

// remove tells that a Secret is gone.
func (f *feed) remove(secret *corev1.Secret) {
	if !f.ended {
		delete(f.known, secret.Name)
		f.source.emit(watch.Deleted, secret)
	}
}

// reach notes up to which resource version the Namespace has been read.
func (f *feed) reach(version string) {
	f.reached = version
	f.source.notify()
}

// upToDate reports whether the Secrets have been read, with all that was written through a client of the cache.
func (f *feed) upToDate() bool {
	return f.synced && (f.written == "" || atLeast(f.reached, f.written)) && f.gone()
}

// gone reports whether what was deleted is gone, or about to go.
func (f *feed) gone() bool {
	maps.DeleteFunc(f.deleted, func(name string, uid types.UID) bool {
		known := f.known[name]
		return known == nil || known.UID != uid || !known.DeletionTimestamp.IsZero()
	})
	return len(f.deleted) == 0
}

func atLeast(have, want string) bool {
	order, err := resourceversion.CompareResourceVersion(have, want)
	return err == nil && order >= 0
}
