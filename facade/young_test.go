package facade

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// TestCreateInAYoungOrganization says that an app isn't made while the server can't read the Secrets of its organization: it would have to say
// that it isn't there.
func TestCreateInAYoungOrganization(t *testing.T) {
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{GenerateName: "org-"}}
	if err := testenv.Organize(t.Context(), suite.cluster, org, "external-id"); err != nil {
		t.Fatal(err)
	}
	rest := grantAllButSecrets(t, org.Name)
	key := member(t, apikey.RoleManager, org.Name)
	slug := "young-" + strings.TrimPrefix(org.Name, "org-")
	body := map[string]any{"slug": slug, "location": "example.com/a"}
	call(t, key, http.MethodPost, appsPath(org.Name), body).want(t, http.StatusServiceUnavailable)
	err := suite.cluster.Get(t.Context(), client.ObjectKey{Namespace: org.Name, Name: slug}, &v1alpha1.App{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("find the app that was answered with 503: %v, want that it isn't there", err)
	}
	readInAYoungOrganization(t, key, org.Name)
	bind(t, org.Name, "rest", "ClusterRole", rest)
	eventually(t, "the app can be made", func() bool {
		return call(t, key, http.MethodPost, appsPath(org.Name), body).status == http.StatusCreated
	})
}

// readInAYoungOrganization says that an app is shown that has nothing in a Secret, and that nothing is shown with a part of it missing.
func readInAYoungOrganization(t *testing.T, key, organization string) {
	t.Helper()
	suffix := strings.TrimPrefix(organization, "org-")
	plain := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: "plain-" + suffix}, Spec: v1alpha1.AppSpec{Image: "example.com/a"}}
	secretive := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: "secretive-" + suffix}, Spec: plain.Spec}
	secretive.Spec.Env = []v1alpha1.EnvVar{{Name: "A", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "a", Key: "a"}}}}
	appears := func(app *v1alpha1.App, status int) {
		t.Helper()
		if err := suite.cluster.Create(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the app is read", func() bool {
			return call(t, key, http.MethodGet, appsPath(organization)+app.Name+"/", nil).status == status
		})
	}
	appears(plain, http.StatusOK)
	call(t, key, http.MethodGet, appsPath(organization), nil).want(t, http.StatusOK)
	appears(secretive, http.StatusServiceUnavailable)
	call(t, key, http.MethodGet, appsPath(organization), nil).want(t, http.StatusServiceUnavailable)
}

// grantAllButSecrets makes the RoleBindings of an organization, but that the server may not read Secrets, and returns the one that lets it.
func grantAllButSecrets(t *testing.T, organization string) (rest rbac.Binding) {
	t.Helper()
	for _, binding := range rbac.Bindings(organization, testenv.Namespace) {
		kind := "ClusterRole"
		if binding.Name == rbac.ServiceAccountFacade {
			role := &rbacv1.ClusterRole{}
			if err := suite.cluster.Get(t.Context(), client.ObjectKey{Name: binding.ClusterRole}, role); err != nil {
				t.Fatal(err)
			}
			rules := slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "secrets") })
			less := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: binding.ClusterRole}, Rules: rules}
			if err := suite.cluster.Create(t.Context(), less); err != nil {
				t.Fatal(err)
			}
			kind, rest = "Role", binding
		}
		bind(t, organization, binding.Name, kind, binding)
	}
	return rest
}

func bind(t *testing.T, organization, name, kind string, binding rbac.Binding) {
	t.Helper()
	made := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: binding.ClusterRole},
		Subjects:   binding.Subjects,
	}
	if err := suite.cluster.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}
