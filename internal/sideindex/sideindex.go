// Package sideindex keeps values that were derived from objects on their way into an informer cache, for caches that do not keep the objects whole.
// The cached objects stay what their type says: nothing is hidden in their fields.
package sideindex

import (
	"runtime"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Index maps versions of objects to values. An entry lives as long as an object that it was put for, and so as long as the cache holds it. The zero
// value is empty and ready to use. An Index is safe for concurrent use.
type Index[T any] struct {
	mu      sync.RWMutex
	entries map[version]*entry[T]
}

// version identifies a version of an object.
type version struct {
	uid             types.UID
	resourceVersion string
}

type entry[T any] struct {
	value T
	// objects is how many objects of this version are in memory: a list that is repeated brings another one.
	objects int
}

// object is a pointer to a Kubernetes object.
type object[P any] interface {
	*P
	metav1.Object
}

// Put keeps a value of an object, which must be the one that enters the cache: a transform function of the cache calls it.
func Put[T, P any, O object[P]](i *Index[T], o O, value T) {
	key := versionOf(o)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.entries == nil {
		i.entries = map[version]*entry[T]{}
	}
	e := i.entries[key]
	if e == nil {
		e = &entry[T]{}
		i.entries[key] = e
	}
	e.value = value
	e.objects++
	runtime.AddCleanup((*P)(o), i.release, key)
}

// release forgets one object of a version.
func (i *Index[T]) release(key version) {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.entries[key]
	e.objects--
	if e.objects == 0 {
		delete(i.entries, key)
	}
}

// Get returns the value of an object's version, and whether there is one. Copies of a cached object have the value of the original.
func (i *Index[T]) Get(o metav1.Object) (T, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if e := i.entries[versionOf(o)]; e != nil {
		return e.value, true
	}
	var none T
	return none, false
}

func versionOf(o metav1.Object) version {
	return version{uid: o.GetUID(), resourceVersion: o.GetResourceVersion()}
}
