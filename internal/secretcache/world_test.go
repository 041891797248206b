package secretcache

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// namespace makes a Namespace that is no organization.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	create(t, ns)
	return ns.Name
}

// organization makes an organization whose Secrets may be read. It stops being one when the test ends.
func organization(t *testing.T) string {
	t.Helper()
	ns := namespace(t)
	bind(t, ns)
	mark(t, ns)
	t.Cleanup(func() { _ = label(context.Background(), ns, nil) })
	return ns
}

// bind lets the Secrets of a Namespace be read.
func bind(t *testing.T, ns string) {
	t.Helper()
	create(t, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user}, RoleRef: roleRef(role), Subjects: subjects()})
}

// mark makes a Namespace be an organization.
func mark(t *testing.T, ns string) {
	t.Helper()
	if err := label(t.Context(), ns, map[string]string{v1alpha1.LabelOrganization: ns}); err != nil {
		t.Fatal(err)
	}
}

// unmark makes a Namespace be none any more.
func unmark(t *testing.T, ns string) {
	t.Helper()
	if err := label(t.Context(), ns, nil); err != nil {
		t.Fatal(err)
	}
}

func label(ctx context.Context, ns string, labels map[string]string) error {
	o := &corev1.Namespace{}
	if err := api.Get(ctx, client.ObjectKey{Name: ns}, o); err != nil {
		return err
	}
	before := o.DeepCopy()
	o.Labels = labels
	return api.Patch(ctx, o, client.MergeFrom(before))
}

// newSecret makes a Secret as somebody else.
func newSecret(t *testing.T, ns, name string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: wanted}}
	create(t, secret)
	return secret
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := api.Create(t.Context(), o); err != nil {
		t.Fatalf("create: %v", err)
	}
}

// eventually waits until the check finds nothing to complain about.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(pollTime):
		case <-ctx.Done():
			t.Fatalf("after %s: %v", patient, err)
		}
	}
}

// working counts the goroutines that read a Namespace.
func working() (int, error) {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
		return 0, err
	}
	return strings.Count(all.String(), "secretcache.(*feed).run("), nil
}

// awaitWorking waits until so many goroutines read a Namespace.
func awaitWorking(t *testing.T, want int) {
	t.Helper()
	eventually(t, func(context.Context) error {
		got, err := working()
		if err == nil && got != want {
			err = fmt.Errorf("%d Namespaces are read, want %d", got, want)
		}
		return err
	})
}
