package secretcache

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Many organizations that come and go at once leave nothing behind.
func TestManyOrganizations(t *testing.T) {
	const many = 50
	r := newReader(t)
	r.awaitSync(t)
	var all []string
	for range many {
		ns := namespace(t)
		bind(t, ns)
		newSecret(t, ns, "a")
		all = append(all, ns)
	}
	for _, ns := range all {
		mark(t, ns)
	}
	for _, ns := range all {
		r.has(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "a"}})
		r.heard.awaitIn(t, ns, "add a env")
	}
	awaitWorking(t, many)
	for _, ns := range all {
		unmark(t, ns)
		mark(t, ns)
		unmark(t, ns)
	}
	awaitWorking(t, 0)
	list := &corev1.SecretList{}
	eventually(t, func(ctx context.Context) error {
		if err := r.List(ctx, list); err != nil || len(list.Items) > 0 {
			return fmt.Errorf("%d Secrets are left, error %w", len(list.Items), err)
		}
		return nil
	})
	c, ok := r.Cache.(*Cache)
	if !ok {
		t.Fatalf("the cache is a %T", r.Cache)
	}
	secrets := c.sourceOf(list)
	eventually(t, func(context.Context) error { // The source hears of what left the cache a moment later.
		secrets.mu.Lock()
		defer secrets.mu.Unlock()
		if len(secrets.positions) > 0 {
			return fmt.Errorf("something of the organizations is left: %d positions", len(secrets.positions))
		}
		return nil
	})
}

// A cache that stops leaves nothing running.
func TestStop(t *testing.T) {
	ns, refused := organization(t), namespace(t)
	mark(t, refused)
	defer unmark(t, refused)
	r := newReader(t)
	r.has(t, newSecret(t, ns, "a"))
	awaitWorking(t, 2)
	r.stop()
	if got, err := working(); err != nil || got != 0 {
		t.Errorf("%d Namespaces are read after the end, error %v", got, err)
	}
}
