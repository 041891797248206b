package store

import toolscache "k8s.io/client-go/tools/cache"

// index is a view of the objects of one kind that is kept beside the cache.
type index[T any] interface {
	set(object T)
	remove(object T)
}

// indexHandler keeps an index up to date, and tells of it afterwards.
type indexHandler[T any] struct {
	index   index[T]
	changes *changes
}

func (h indexHandler[T]) OnAdd(object any, _ bool) {
	if o, ok := object.(T); ok {
		h.index.set(o)
		h.changes.notify()
	}
}

func (h indexHandler[T]) OnUpdate(_, object any) { h.OnAdd(object, false) }

func (h indexHandler[T]) OnDelete(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	if o, ok := object.(T); ok {
		h.index.remove(o)
		h.changes.notify()
	}
}
