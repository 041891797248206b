package store

import (
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// index is a view of the objects of one kind that is kept beside the cache. What changes it returns which Apps that touches.
type index[T any] interface {
	set(object T) []client.ObjectKey
	remove(object T) []client.ObjectKey
}

// indexHandler keeps an index of a listing up to date, and tells of it afterwards.
type indexHandler[T any] struct {
	index   index[T]
	listing *listing
	changes *changes
}

func (h indexHandler[T]) OnAdd(object any, _ bool) { h.update(h.index.set, object) }

func (h indexHandler[T]) OnUpdate(_, object any) { h.update(h.index.set, object) }

func (h indexHandler[T]) OnDelete(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	h.update(h.index.remove, object)
}

func (h indexHandler[T]) update(change func(T) []client.ObjectKey, object any) {
	if o, ok := object.(T); ok {
		h.listing.update(func() []client.ObjectKey { return change(o) })
		h.changes.notify()
	}
}
