package secretcache

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// listerWatcher is what the informer lists and watches. It is listed once, since a watch of it never fails.
func (s *source) listerWatcher() toolscache.ListerWatcher {
	return listedFirst{&toolscache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}}
}

// listedFirst can't be watched for its initial state.
type listedFirst struct{ *toolscache.ListWatch }

// IsWatchListSemanticsUnSupported is asked by reflectors.
func (listedFirst) IsWatchListSemanticsUnSupported() bool { return true }

// list returns the objects of the Namespaces that are known at the start, once all have been read or may not be.
func (s *source) list(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	select {
	case <-s.namespaces.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	list := &metav1.List{}
	err := s.until(ctx, func() (bool, error) {
		for namespace, f := range s.feeds {
			if !f.synced && (f.refusals == 0 || slices.Contains(s.always, namespace)) {
				return false, nil
			}
		}
		s.queue, s.positions = nil, map[string]*position{}
		for namespace, f := range s.feeds {
			s.position(namespace).queued = uint64(len(f.known))
			for _, o := range f.known {
				list.Items = append(list.Items, runtime.RawExtension{Object: o})
			}
		}
		return true, nil
	})
	return list, err
}

// watch streams what changes after the list.
func (s *source) watch(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) {
	events := make(chan watch.Event)
	w := watch.NewProxyWatcher(events)
	ctx, cancel := context.WithCancel(ctx)
	s.work.Go(func() {
		<-w.StopChan()
		cancel()
	})
	s.work.Go(func() { s.stream(ctx, events) })
	return w, nil
}

// stream sends the queue until ctx ends.
func (s *source) stream(ctx context.Context, events chan<- watch.Event) {
	for {
		var next []watch.Event
		err := s.until(ctx, func() (bool, error) {
			next, s.queue = s.queue, nil
			return len(next) > 0, nil
		})
		if err != nil {
			return
		}
		for _, event := range next {
			select {
			case events <- event:
			case <-ctx.Done():
				return
			}
		}
	}
}
