package secretcache

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The tests of this package share one cluster and count what goes on in it, so that they run one after the other.

// An organization's Secrets come into the cache once there is a RoleBinding, and leave it with the label.
func TestOrganizationComesAndGoes(t *testing.T) {
	ns := namespace(t)
	secret := newSecret(t, ns, "a")
	r := newReader(t)
	r.awaitSync(t)
	r.hasNot(t, secret)

	mark(t, ns)
	eventually(t, func(ctx context.Context) error {
		if _, err := r.find(ctx, secret); !apierrors.IsServiceUnavailable(err) {
			return fmt.Errorf("got %w while the Secrets may not be listed, want a ServiceUnavailable", err)
		}
		return nil
	})
	bind(t, ns)
	r.has(t, secret)
	r.heard.awaitIn(t, ns, "add a env")

	late := &events{}
	r.listen(t, late)
	late.awaitIn(t, ns, "add a env")
	if err := api.Delete(t.Context(), newSecret(t, ns, "b")); err != nil {
		t.Fatal(err)
	}
	late.awaitIn(t, ns, "add a env", "add b env", "delete b env")

	unmark(t, ns)
	r.hasNot(t, secret)
	r.heard.awaitIn(t, ns, "add a env", "add b env", "delete b env", "delete a env")
	late.awaitIn(t, ns, "add a env", "add b env", "delete b env", "delete a env")
	awaitWorking(t, 0)

	mark(t, ns)
	r.has(t, secret)
	late.awaitIn(t, ns, "add a env", "add b env", "delete b env", "delete a env", "add a env")
	unmark(t, ns)
}

// The Secrets of a Namespace that is gone are gone, though nobody has said so of each.
func TestNamespaceGoes(t *testing.T) {
	ns := organization(t)
	secret := newSecret(t, ns, "a")
	r := newReader(t)
	r.has(t, secret)
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	if err := api.Delete(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	// No controller empties the Namespace here, and lets it go.
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	o.Spec.Finalizers = nil
	if err := api.SubResource("finalize").Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	r.hasNot(t, secret)
	r.heard.awaitIn(t, ns, "add a env", "delete a env")
	awaitWorking(t, 0)
}

// Nothing is asked for but the Secrets of organizations and of Namespaces that were named.
func TestOnlyOrganizationsAreRead(t *testing.T) {
	org, named, other := organization(t), namespace(t), namespace(t)
	bind(t, named)
	bind(t, other)
	inOrg, inNamed, inOther := newSecret(t, org, "a"), newSecret(t, named, "a"), newSecret(t, other, "a")
	unlabelled := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "unlabelled"}}
	create(t, unlabelled)
	r := newReader(t, named)
	r.awaitSync(t)
	r.has(t, inOrg)
	r.has(t, inNamed)
	r.hasNot(t, inOther)
	r.hasNot(t, unlabelled)
	got := map[string]bool{"org": r.requests.in(org) > 0, "named": r.requests.in(named) > 0, "other": r.requests.in(other) > 0, "all": r.requests.in("") > 0}
	if diff := cmp.Diff(map[string]bool{"org": true, "named": true, "other": false, "all": false}, got); diff != "" {
		t.Errorf("which Secrets were asked for (-want +got):\n%s", diff)
	}
}

// A Namespace that was named has to be readable before the cache is synced.
func TestNamedNamespaceIsAwaited(t *testing.T) {
	named := namespace(t)
	secret := newSecret(t, named, "a")
	r := newReader(t, named)
	eventually(t, func(ctx context.Context) error {
		if _, err := r.find(ctx, secret); !apierrors.IsServiceUnavailable(err) {
			return fmt.Errorf("got %w, want a ServiceUnavailable", err)
		}
		return nil
	})
	informer, err := r.GetInformerForKind(t.Context(), corev1.SchemeGroupVersion.WithKind("Secret"), notBlocking)
	if err != nil {
		t.Fatal(err)
	}
	if informer.HasSynced() {
		t.Error("the cache is synced without it")
	}
	bind(t, named)
	r.awaitSync(t)
	r.has(t, secret)
}

// An organization whose Secrets may not be read is in nobody's way, and doesn't fill the log.
func TestRefusedOrganization(t *testing.T) {
	refused := namespace(t)
	mark(t, refused)
	defer unmark(t, refused)
	org := organization(t)
	secret := newSecret(t, org, "a")
	r := newReader(t)
	r.awaitSync(t)
	late := &events{}
	registration := r.listen(t, late)
	r.has(t, secret)
	late.awaitIn(t, org, "add a env")
	eventually(t, func(context.Context) error {
		if !registration.HasSynced() {
			return errors.New("the handler isn't synced")
		}
		return nil
	})
	eventually(t, func(context.Context) error {
		if got := r.requests.in(refused); got <= patience {
			return fmt.Errorf("the API server was asked %d times, want it to be asked again", got)
		}
		return nil
	})
	start := time.Now()
	_, err := r.find(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: refused, Name: "a"}})
	if !apierrors.IsServiceUnavailable(err) {
		t.Errorf("got error %v, want a ServiceUnavailable", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("a read of an organization that was refused for long took %s", took)
	}
	if err := r.List(t.Context(), &corev1.SecretList{}); !apierrors.IsServiceUnavailable(err) {
		t.Errorf("a list of all: got error %v, want a ServiceUnavailable", err)
	}
	if got := about(refused); got != 1 {
		t.Errorf("%d lines of the log are about it, want 1", got)
	}
}
