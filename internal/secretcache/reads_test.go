package secretcache

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Who knows an organization can read its Secrets: they are waited for.
func TestYoungOrganizationIsWaitedFor(t *testing.T) {
	r := newReader(t)
	r.awaitSync(t)
	for range 10 {
		ns := namespace(t)
		bind(t, ns)
		secret := newSecret(t, ns, "a")
		mark(t, ns)
		eventually(t, func(ctx context.Context) error { return r.Get(ctx, client.ObjectKey{Name: ns}, &corev1.Namespace{}) })
		if _, err := r.find(t.Context(), secret); err != nil {
			t.Errorf("a Secret of a young organization: %v", err)
		}
		list := &corev1.SecretList{}
		if err := r.List(t.Context(), list, client.InNamespace(ns)); err != nil || len(list.Items) != 1 {
			t.Errorf("got %d Secrets, error %v", len(list.Items), err)
		}
		unmark(t, ns)
	}
}

// A read gives up when its context ends.
func TestReadEndsWithItsContext(t *testing.T) {
	ns := namespace(t)
	bind(t, ns)
	r := newReader(t)
	r.awaitSync(t)
	release := r.requests.hold(ns)
	defer release()
	mark(t, ns)
	defer unmark(t, ns)
	eventually(t, func(context.Context) error {
		if r.requests.in(ns) == 0 {
			return errors.New("it isn't asked for")
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := r.find(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "a"}})
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
}

// Indexes, selectors, lists of everything and shared objects are as in any cache.
func TestLists(t *testing.T) {
	one, two := organization(t), organization(t)
	newSecret(t, one, "a")
	newSecret(t, two, "b")
	special := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: two, Name: "c", Labels: maps.Clone(wanted)}, Type: "example.com/special"}
	special.Labels["special"] = "yes"
	create(t, special)
	r := newReader(t)
	r.has(t, special)
	cases := map[string]struct {
		options []client.ListOption
		want    int
	}{
		"All":            {want: 3},
		"Namespace":      {[]client.ListOption{client.InNamespace(two)}, 2},
		"Label":          {[]client.ListOption{client.MatchingLabels{"special": "yes"}}, 1},
		"Index":          {[]client.ListOption{client.MatchingFields{"type": "example.com/special"}}, 1},
		"IndexElsewhere": {[]client.ListOption{client.InNamespace(one), client.MatchingFields{"type": "example.com/special"}}, 0},
		"Limit":          {[]client.ListOption{client.Limit(2)}, 2},
		"NoOrganization": {[]client.ListOption{client.InNamespace("default")}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			list := &corev1.SecretList{}
			if err := r.List(t.Context(), list, tc.options...); err != nil || len(list.Items) != tc.want {
				t.Errorf("got %d Secrets, error %v, want %d", len(list.Items), err, tc.want)
			}
		})
	}
	var first, second corev1.Secret
	for _, into := range []*corev1.Secret{&first, &second} {
		if err := r.Get(t.Context(), client.ObjectKeyFromObject(special), into, client.UnsafeDisableDeepCopy); err != nil {
			t.Fatal(err)
		}
	}
	if reflect.ValueOf(first.Labels).Pointer() != reflect.ValueOf(second.Labels).Pointer() {
		t.Error("an object that was asked for without a copy was copied")
	}
}

func TestRemoveInformer(t *testing.T) {
	r := newReader(t)
	if err := r.RemoveInformer(t.Context(), &corev1.Secret{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("RemoveInformer of Secrets: got error %v", err)
	}
	if err := r.RemoveInformer(t.Context(), &rbacv1.Role{}); err != nil {
		t.Errorf("RemoveInformer of Roles: %v", err)
	}
}
