package facade

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/internal/rbac"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// requester is a client that acts as a user, in an organization.
type requester struct {
	client.Client
	organization string
}

// as returns a client that acts as a user of some groups. The API server adds those of a ServiceAccount.
func as(t *testing.T, organization, user string, groups ...string) requester {
	t.Helper()
	config := testenv.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	c, err := client.New(config, client.Options{Scheme: store.NewScheme(), Mapper: suite.cluster.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return requester{Client: c, organization: organization}
}

// bindRole binds a ClusterRole in an organization.
func bindRole(t *testing.T, organization, role string, subject rbacv1.Subject) {
	t.Helper()
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: organization, GenerateName: "test-"}, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	})
}

// newClusterRole creates a ClusterRole for Secrets and returns its name.
func newClusterRole(t *testing.T, rule rbacv1.PolicyRule) string {
	t.Helper()
	rule.APIGroups, rule.Resources = []string{""}, []string{"secrets"}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Rules: []rbacv1.PolicyRule{rule}}
	create(t, role)
	return role.Name
}

func create[O client.Object](t *testing.T, object O) O {
	t.Helper()
	if err := suite.cluster.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	return object
}

// secret returns a Secret of a type with the label berth.dev/secret, unless that is empty.
func (r requester) secret(kind corev1.SecretType, label string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.organization, GenerateName: "of-ann-"}, Type: kind}
	s.StringData = map[string]string{"a": "b"}
	if kind == corev1.SecretTypeDockerConfigJson {
		s.StringData = map[string]string{corev1.DockerConfigJsonKey: "{}"}
	}
	if label != "" {
		s.Labels = map[string]string{v1alpha1.LabelSecret: label}
	}
	if kind == corev1.SecretTypeServiceAccountToken {
		s.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	}
	return s
}

// existing creates a Secret as an administrator.
func (r requester) existing(t *testing.T, label string) *corev1.Secret {
	t.Helper()
	return create(t, r.secret(corev1.SecretTypeOpaque, label))
}

func (r requester) patch(ctx context.Context, s *corev1.Secret, patch string, options ...client.PatchOption) error {
	return r.Patch(ctx, s, client.RawPatch(types.MergePatchType, []byte(patch)), options...)
}

func (r requester) annotate(ctx context.Context, s *corev1.Secret) error {
	return r.patch(ctx, s, `{"metadata":{"annotations":{"a":"b"}}}`, client.DryRunAll)
}

// readByApply applies an annotation to a Secret, which the API server answers with the values of the Secret.
func (r requester) readByApply(ctx context.Context, s *corev1.Secret) error {
	return r.Apply(ctx, corev1ac.Secret(s.Name, s.Namespace).WithAnnotations(map[string]string{"a": "b"}), client.FieldOwner("test"))
}

// applyToken applies a Secret that Kubernetes fills with a token of a ServiceAccount.
func (r requester) applyToken(ctx context.Context) error {
	secret := corev1ac.Secret("token", r.organization).WithType(corev1.SecretTypeServiceAccountToken).
		WithAnnotations(map[string]string{corev1.ServiceAccountNameKey: "default"})
	return r.Apply(ctx, secret, client.FieldOwner("test"))
}

// secretWriters returns requesters that may write Secrets of an organization but not read all of them, by how they came by that right.
func secretWriters(t *testing.T, org string) map[string]requester {
	t.Helper()
	account := func(namespace, name string) (string, rbacv1.Subject) {
		return "system:serviceaccount:" + namespace + ":" + name, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
	}
	inDefault, inDefaultSubject := account("default", org)
	ofFlux, ofFluxSubject := account("flux-system", org)
	named, namedSubject := account("default", org+"-named")
	writer, writerSubject := account("default", org+"-writer")
	group := "oidc:" + org + ":developers"
	bindRole(t, org, rbac.ClusterRoleManager, inDefaultSubject)
	bindRole(t, org, rbac.ClusterRoleManager, ofFluxSubject)
	bindRole(t, org, rbac.ClusterRoleManager, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	bindRole(t, org, rbac.ClusterRoleManager, namedSubject)
	bindRole(t, org, newClusterRole(t, rbacv1.PolicyRule{Verbs: []string{"get"}, ResourceNames: []string{"token"}}), namedSubject)
	bindRole(t, org, newClusterRole(t, rbacv1.PolicyRule{Verbs: []string{"create", "update", "patch", "delete", "deletecollection"}}), writerSubject)
	return map[string]requester{
		"Manager":                  as(t, org, rbac.UserOfPerson("ann@example.com"), rbac.Group(org, rbac.RoleManager), "system:authenticated"),
		"APIKey":                   as(t, org, rbac.UserOfKey("a"), rbac.Group(org, rbac.RoleManager), "system:authenticated"),
		"HostStaff":                as(t, org, rbac.UserOfPerson("zoe@example.com"), rbac.GroupHost, "system:authenticated"),
		"ServiceAccount":           as(t, org, inDefault),
		"ServiceAccountOfFlux":     as(t, org, ofFlux),
		"OtherGroup":               as(t, org, "bob", group, "system:authenticated"),
		"ReaderOfOneSecret":        as(t, org, named),
		"WriterWithoutBerthsRoles": as(t, org, writer),
	}
}
