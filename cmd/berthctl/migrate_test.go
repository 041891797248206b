package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// TestMigrate says that keys of an earlier version are copied as they are, nothing else is, and that repeating it changes nothing but what was rotated.
func TestMigrate(t *testing.T) {
	old, keys := "berth-of-before", "keys-of-before"
	secret := func(namespace, name string) (*corev1.Secret, error) {
		found := &corev1.Secret{}
		return found, cluster.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found)
	}
	create := func(o client.Object) {
		t.Helper()
		if err := cluster.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: old}})
	key, _, err := apikey.New(apikey.Spec{Owner: "ann@example.com", Role: apikey.RoleManager, Organizations: []string{"acme"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	former := key.Secret(old)
	former.Annotations["berth.dev/last-used"] = "2026-01-01T00:00:00Z"
	create(former)
	create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: old, Name: "ended-session-x", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEndedSession},
	}, Immutable: new(true)})
	create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: old, Name: "berth-session"}, StringData: map[string]string{"key": "secret"}})
	migrate := func(want string, args ...string) {
		t.Helper()
		_, told, err := berthctl(t, append([]string{"apikey", "migrate", "--namespace", old, "--keys-namespace", keys}, args...)...)
		if err != nil || !strings.Contains(told, want) {
			t.Errorf("apikey migrate %v: got %v and said %q, want %q", args, err, told, want)
		}
	}

	migrate("Copied 2 Secrets from namespace "+old+" into "+keys+"; 0 were there", "--helm-release", "berth")
	copied, err := secret(keys, former.Name)
	if err != nil {
		t.Fatal(err)
	}
	for what, diff := range map[string]string{
		"data": cmp.Diff(former.Data, copied.Data), "labels": cmp.Diff(former.Labels, copied.Labels),
		"annotations": cmp.Diff(former.Annotations, unlinked(copied.Annotations)),
		"immutable":   cmp.Diff(former.Immutable, copied.Immutable), "type": cmp.Diff(former.Type, copied.Type),
	} {
		if diff != "" {
			t.Errorf("%s: -former, +copy:\n%s", what, diff)
		}
	}
	if _, err := secret(keys, "berth-session"); !apierrors.IsNotFound(err) {
		t.Errorf("the session key: got %v, want that it is not copied", err)
	}
	namespace := &corev1.Namespace{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Name: keys}, namespace); err != nil {
		t.Fatal(err)
	}
	if namespace.Annotations[v1alpha1.AnnotationKeysMigrated] == "" || namespace.Annotations["meta.helm.sh/release-namespace"] != old ||
		namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" || namespace.Labels["app.kubernetes.io/managed-by"] != "Helm" {
		t.Errorf("the Namespace is %v", namespace.ObjectMeta)
	}

	rotated := former.DeepCopy()
	rotated.Annotations["berth.dev/retires-at"] = "2026-01-02T00:00:00Z"
	if err := cluster.Patch(t.Context(), rotated, client.MergeFrom(former)); err != nil {
		t.Fatal(err)
	}
	migrate("Copied 0 Secrets from namespace "+old+" into "+keys+"; 2 were there", "--delete")
	if copied, err = secret(keys, former.Name); err != nil || copied.Annotations["berth.dev/retires-at"] == "" {
		t.Errorf("the copy of a key that was rotated: %v, %v", copied.Annotations, err)
	}
	if _, err := secret(old, former.Name); !apierrors.IsNotFound(err) {
		t.Errorf("the former key: got %v, want that it is gone", err)
	}
	if _, err := secret(old, "berth-session"); err != nil {
		t.Errorf("the session key: %v", err)
	}
	migrate("Copied 0 Secrets", "--delete")
	if _, err := secret(keys, former.Name); err != nil {
		t.Errorf("the key: %v", err)
	}
}

// TestMigrateMistakes says that no key is overwritten, and none lands in an organization.
func TestMigrateMistakes(t *testing.T) {
	organization := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "some-tenant", Labels: map[string]string{v1alpha1.LabelOrganization: "some-tenant"}}}
	for _, o := range []client.Object{organization, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "clash"}}} {
		if err := cluster.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, namespace := range []string{"clash", "berth-keys"} {
		key, _, err := apikey.New(apikey.Spec{ID: "clashing0id", Role: apikey.RoleHost})
		if err != nil {
			t.Fatal(err)
		}
		if err := cluster.Create(t.Context(), key.Secret(namespace)); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"Same":         {args: []string{"--namespace", "berth-keys"}, want: "are the same"},
		"Organization": {args: []string{"--keys-namespace", "some-tenant"}, want: "is an organization"},
		"AnotherKey":   {args: []string{"--namespace", "clash", "--delete"}, want: "is not the copy"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := berthctl(t, append([]string{"apikey", "migrate"}, tc.args...)...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: "clash", Name: "apikey-clashing0id"}, &corev1.Secret{}); err != nil {
		t.Errorf("the former key: %v", err)
	}
}
