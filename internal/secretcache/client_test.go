package secretcache

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// by is the annotation that the writes of these tests set.
const by = "example.com/by"

// held is for how long a read has to wait for a test to believe that it does.
const held = 200 * time.Millisecond

func annotated(text string) map[string]string { return map[string]string{by: text} }

// Who writes with the client reads what was written, though the API server tells of it late, and first of what came later elsewhere.
func TestReadsWhatWasWritten(t *testing.T) {
	cases := map[string]struct {
		write func(context.Context, client.Client, *corev1.Secret) error
		check func(*corev1.Secret, error) error
	}{
		"Apply": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error {
				return c.Apply(ctx, corev1ac.Secret(s.Name, s.Namespace).WithAnnotations(annotated("Apply")), client.FieldOwner("test"))
			},
			writtenBy("Apply"),
		},
		"Update": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error {
				s.Annotations = annotated("Update")
				return c.Update(ctx, s)
			},
			writtenBy("Update"),
		},
		"Patch": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error {
				change := []byte(`{"metadata":{"annotations":{"` + by + `":"Patch"}}}`)
				return c.Patch(ctx, s, client.RawPatch(types.MergePatchType, change))
			},
			writtenBy("Patch"),
		},
		"Create": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error {
				s.Name += "-new"
				s.ResourceVersion = ""
				s.Annotations = annotated("Create")
				return c.Create(ctx, s)
			},
			writtenBy("Create"),
		},
		"Delete": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error { return c.Delete(ctx, s) },
			isGone,
		},
		"DeleteByName": {
			func(ctx context.Context, c client.Client, s *corev1.Secret) error {
				return c.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}})
			},
			isGone,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			slow, other := organization(t), organization(t)
			secret := newSecret(t, slow, "a")
			r := newReader(t)
			r.has(t, secret)
			release := r.requests.hold(slow)
			defer release()
			if err := tc.write(t.Context(), r.client, secret); err != nil {
				t.Fatal(err)
			}
			r.has(t, newSecret(t, other, "later"))

			ctx, cancel := context.WithTimeout(t.Context(), held)
			defer cancel()
			found := &corev1.Secret{}
			if err := r.client.Get(ctx, client.ObjectKeyFromObject(secret), found); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a read before the cache has what was written: got error %v, want it to wait", err)
			}
			release()
			err := r.client.Get(t.Context(), client.ObjectKeyFromObject(secret), found)
			if err := tc.check(found, err); err != nil {
				t.Error(err)
			}
		})
	}
}

func writtenBy(want string) func(*corev1.Secret, error) error {
	return func(found *corev1.Secret, err error) error {
		if got := found.Annotations[by]; err != nil || got != want {
			return fmt.Errorf("read what %q has written, error %w, want %q", got, err, want)
		}
		return nil
	}
}

func isGone(_ *corev1.Secret, err error) error {
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("got error %w, want that it isn't found", err)
	}
	return nil
}

// What is written into an organization that isn't read yet is read, too.
func TestReadsWhatWasWrittenIntoYoungOrganization(t *testing.T) {
	r := newReader(t)
	r.awaitSync(t)
	for range 10 {
		ns := namespace(t)
		bind(t, ns)
		mark(t, ns)
		eventually(t, func(ctx context.Context) error { return r.Get(ctx, client.ObjectKey{Name: ns}, &corev1.Namespace{}) })
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "a", Labels: wanted}}
		if err := r.client.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{}); err != nil {
			t.Error(err)
		}
		unmark(t, ns)
	}
}

// A write that fails is waited for by nobody, and one outside of organizations neither.
func TestWritesThatAreNotSeen(t *testing.T) {
	org, other := organization(t), namespace(t)
	bind(t, other)
	r := newReader(t)
	r.has(t, newSecret(t, org, "a"))
	missing := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "missing"}}
	if err := r.client.Delete(t.Context(), missing); !apierrors.IsNotFound(err) {
		t.Errorf("Delete(...): got error %v", err)
	}
	outside := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "a", Labels: wanted}}
	if err := r.client.Create(t.Context(), outside); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []*corev1.Secret{missing, outside} {
		if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{}); !apierrors.IsNotFound(err) {
			t.Errorf("got error %v, want that it isn't found", err)
		}
	}
}

func TestNewClientNeedsCache(t *testing.T) {
	cases := map[string]client.Options{
		"None":    {},
		"Another": {Cache: &client.CacheOptions{Reader: api}},
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := NewClient(&rest.Config{}, o); err == nil {
				t.Error("NewClient succeeded, want an error")
			}
		})
	}
}
