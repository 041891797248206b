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

// indexHandler keeps what is made of the objects of one kind up to date, and tells of it afterwards.
type indexHandler[T any] struct {
	set, remove func(object T)
	changes     *changes
}

// indexing returns what keeps an index of a listing up to date.
func indexing[T any](l *listing, i index[T], c *changes) indexHandler[T] {
	within := func(change func(T) []client.ObjectKey) func(T) {
		return func(object T) { l.update(func() []client.ObjectKey { return change(object) }) }
	}
	return indexHandler[T]{set: within(i.set), remove: within(i.remove), changes: c}
}

func (h indexHandler[T]) OnAdd(object any, _ bool) { h.update(h.set, object) }

func (h indexHandler[T]) OnUpdate(_, object any) { h.update(h.set, object) }

func (h indexHandler[T]) OnDelete(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	h.update(h.remove, object)
}

func (h indexHandler[T]) update(change func(T), object any) {
	if o, ok := object.(T); ok {
		change(o)
		h.changes.notify()
	}
}
