package sideindex

import (
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func secretOf(uid, resourceVersion string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid), ResourceVersion: resourceVersion}}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	var index Index[int]
	if value, ok := index.Get(secretOf("a", "1")); ok {
		t.Errorf("an empty index has %d", value)
	}
	inMemory := map[string]*corev1.Secret{"first": secretOf("a", "1"), "again": secretOf("a", "1"), "next": secretOf("a", "2")}
	Put(&index, inMemory["first"], 10)
	Put(&index, inMemory["again"], 11)
	Put(&index, inMemory["next"], 20)
	for resourceVersion, want := range map[string]int{"1": 11, "2": 20} {
		if got, ok := index.Get(secretOf("a", resourceVersion)); !ok || got != want {
			t.Errorf("version %s has %d, %t, want %d", resourceVersion, got, ok, want)
		}
	}
	if _, ok := index.Get(secretOf("b", "1")); ok {
		t.Error("another object has the value of this one")
	}
	delete(inMemory, "first")
	collect(t, func() bool { return index.entries[version{"a", "1"}].objects == 1 }, &index)
	if got, ok := index.Get(inMemory["again"]); !ok || got != 11 {
		t.Errorf("a version that is still in memory has %d, %t", got, ok)
	}
	delete(inMemory, "again")
	collect(t, func() bool { return index.entries[version{"a", "1"}] == nil }, &index)
	if _, ok := index.Get(inMemory["next"]); !ok {
		t.Error("a version that is still in memory is forgotten")
	}
}

// collect runs the garbage collector until a condition holds.
func collect(t *testing.T, holds func() bool, index *Index[int]) {
	t.Helper()
	for range 100 {
		runtime.GC()
		index.mu.RLock()
		done := holds()
		index.mu.RUnlock()
		if done {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the entry of an object that is gone stays")
}
