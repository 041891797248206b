package facade

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// TestKeysAreMigrated says that a facade takes no requests as long as keys of an earlier version may be elsewhere, where it cannot read them.
func TestKeysAreMigrated(t *testing.T) {
	organization(t)
	young := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "keys-of-an-upgrade"}}
	eventually(t, "the Namespace of the keys is younger than an organization", func() bool {
		_ = suite.cluster.Delete(t.Context(), young.DeepCopy()) // In the same second as one, it is not.
		young.Name, young.ResourceVersion, young.UID = "", "", ""
		young.GenerateName = "keys-of-an-upgrade-"
		if err := suite.cluster.Create(t.Context(), young); err != nil {
			t.Fatal(err)
		}
		var organizations v1alpha1.OrganizationList
		if err := suite.cluster.List(t.Context(), &organizations); err != nil {
			t.Fatal(err)
		}
		for _, o := range organizations.Items {
			if o.CreationTimestamp.Before(&young.CreationTimestamp) {
				return true
			}
		}
		return false
	})
	// The facade may read keys there, as config/keys has it.
	var role rbacv1.Role
	if err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: keysSpace, Name: "berth-facade"}, &role); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: young.Name, Name: "berth-facade"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "berth-facade"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: testenv.Namespace, Name: rbac.ServiceAccountFacade}},
	}
	for _, o := range []client.Object{&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: young.Name, Name: "berth-facade"}, Rules: role.Rules}, binding} {
		if err := suite.cluster.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	server, stop := running(t, suite.certificates, func(options *Options) { options.KeysNamespace = young.Name })
	defer stop()
	eventually(t, "the caches are filled", server.store.Synced)
	err := server.unready()
	if err == nil || !strings.Contains(err.Error(), "Run: berthctl apikey migrate") {
		t.Errorf("before the keys are copied: got %v, want that the server is not ready", err)
	}
	patch := `{"metadata":{"annotations":{"` + v1alpha1.AnnotationKeysMigrated + `":"2026-01-01T00:00:00Z"}}}`
	if err := suite.cluster.Patch(context.WithoutCancel(t.Context()), young, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server is ready", server.Ready)
	back := `{"metadata":{"annotations":{"` + v1alpha1.AnnotationKeysMigrated + `":null}}}`
	if err := suite.cluster.Patch(context.WithoutCancel(t.Context()), young, client.RawPatch(types.MergePatchType, []byte(back))); err != nil {
		t.Fatal(err)
	}
	another, end := running(t, suite.certificates, func(options *Options) { options.KeysNamespace = young.Name })
	defer end()
	eventually(t, "a new server asks for the keys after they were copied back", func() bool {
		err := another.unready()
		return err != nil && strings.Contains(err.Error(), "Run: berthctl apikey migrate")
	})
	if !server.Ready() {
		t.Errorf("a server that has the keys: %v", server.unready())
	}
	if !suite.server.Ready() {
		t.Errorf("a server whose Namespace of keys is older than all organizations: %v", suite.server.unready())
	}
}

// TestFacadeReadsOnlyKeys says that the facade reads no Secret in Berth's own Namespace, such as the key of sessions and the password of mail.
func TestFacadeReadsOnlyKeys(t *testing.T) {
	c := asFacade(t)
	for name, try := range map[string]func() error{
		"list": func() error { return c.List(t.Context(), &corev1.SecretList{}, client.InNamespace(testenv.Namespace)) },
		"get": func() error {
			return c.Get(t.Context(), client.ObjectKey{Namespace: testenv.Namespace, Name: "berth-session"}, &corev1.Secret{})
		},
		"create": func() error { return c.Create(t.Context(), fresh(t, apikey.RoleManager).Secret(testenv.Namespace)) },
	} {
		if err := try(); !apierrors.IsForbidden(err) {
			t.Errorf("to %s: got %v, want that it is forbidden", name, err)
		}
	}
}
