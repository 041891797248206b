package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// TestKeyIndex follows API keys through what becomes of their Secrets, one of which somebody has copied under another name.
func TestKeyIndex(t *testing.T) {
	const home, elsewhere = "berth-system", "cowork"
	key, other := newKey(t), newKey(t)
	first := func(k apikey.Key) *corev1.Secret { return secretOf(k, home, "first0001") }
	second := secretOf(key, home, "second002")
	damaged := first(key)
	delete(damaged.Labels, v1alpha1.LabelSecret)
	c := &changes{happened: make(chan struct{})}
	keys := &keyIndex{namespace: home}
	handler := indexHandler[*corev1.Secret]{set: keys.set, remove: keys.remove, changes: c}
	steps := []struct {
		name string
		do   func()
		// found are the keys that there are, valid is the one that is found by the hash of key if all but expired ones are.
		found   []string
		valid   string
		expired string
	}{
		{name: "Elsewhere", do: func() { handler.OnAdd(secretOf(key, elsewhere, "first0001"), true) }},
		{name: "New", do: func() { handler.OnAdd(first(key), true) }, found: []string{"first0001"}, valid: "first0001"},
		{
			name: "ElsewhereGone", do: func() { handler.OnDelete(secretOf(key, elsewhere, "first0001")) },
			found: []string{"first0001"}, valid: "first0001",
		},
		{name: "Copied", do: func() { handler.OnAdd(second, false) }, found: []string{"first0001", "second002"}, valid: "first0001"},
		{name: "Touched", do: func() { handler.OnUpdate(first(key), first(key)) }, found: []string{"first0001", "second002"}, valid: "first0001"},
		{name: "Expired", do: func() {}, found: []string{"first0001", "second002"}, expired: "first0001", valid: "second002"},
		{name: "Replaced", do: func() { handler.OnUpdate(first(key), first(other)) }, found: []string{"first0001", "second002"}, valid: "second002"},
		{name: "Damaged", do: func() { handler.OnUpdate(first(other), damaged) }, found: []string{"second002"}, valid: "second002"},
		{name: "Gone", do: func() { handler.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: second}) }},
		{name: "GoneBefore", do: func() { handler.OnDelete(second) }},
	}
	for _, step := range steps {
		told := c.next()
		step.do()
		if step.name != "Expired" {
			<-told // Whoever waits for a change looks again.
		}
		var found []string
		for _, k := range keys.that(func(apikey.Key) bool { return true }) {
			found = append(found, k.ID)
			if got, known := keys.get(k.ID); !known || got.ID != k.ID {
				t.Errorf("%s: get(%q): got %q, %t", step.name, k.ID, got.ID, known)
			}
		}
		if diff := cmp.Diff(step.found, found); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", step.name, diff)
		}
		valid, known := keys.withHash(key.Hash, func(k apikey.Key) bool { return k.ID != step.expired })
		if valid.ID != step.valid || known != (step.valid != "") {
			t.Errorf("%s: withHash(...): got %q, %t, want %q", step.name, valid.ID, known, step.valid)
		}
	}
}

func newKey(t *testing.T) apikey.Key {
	t.Helper()
	key, _, err := apikey.New(apikey.Spec{Role: apikey.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// secretOf is the Secret of a key, which has the id, in a Namespace.
func secretOf(key apikey.Key, namespace, id string) *corev1.Secret {
	key.ID = id
	return key.Secret(namespace)
}
