package facade

import (
	"context"
	"fmt"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
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
	bindRole(t, org, access.ClusterRoleManager, inDefaultSubject)
	bindRole(t, org, access.ClusterRoleManager, ofFluxSubject)
	bindRole(t, org, access.ClusterRoleManager, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group})
	bindRole(t, org, access.ClusterRoleManager, namedSubject)
	bindRole(t, org, newClusterRole(t, rbacv1.PolicyRule{Verbs: []string{"get"}, ResourceNames: []string{"token"}}), namedSubject)
	bindRole(t, org, newClusterRole(t, rbacv1.PolicyRule{Verbs: []string{"create", "update", "patch", "delete", "deletecollection"}}), writerSubject)
	return map[string]requester{
		"Manager":                  as(t, org, access.UserOfPerson("ann@example.com"), access.Group(org, access.RoleManager), "system:authenticated"),
		"APIKey":                   as(t, org, access.UserOfKey("a"), access.Group(org, access.RoleManager), "system:authenticated"),
		"HostStaff":                as(t, org, access.UserOfPerson("zoe@example.com"), access.GroupHost, "system:authenticated"),
		"ServiceAccount":           as(t, org, inDefault),
		"ServiceAccountOfFlux":     as(t, org, ofFlux),
		"OtherGroup":               as(t, org, "bob", group, "system:authenticated"),
		"ReaderOfOneSecret":        as(t, org, named),
		"WriterWithoutBerthsRoles": as(t, org, writer),
	}
}

// Requesters that may not read the Secrets of an organization write only those that users give to Berth: the API server answers each write with the
// whole Secret.
func TestPeopleAndSecrets(t *testing.T) {
	org, _ := organization(t)
	writers := secretWriters(t, org)
	eventually(t, "the policy is in force", func() bool {
		manager := writers["Manager"]
		return apierrors.IsInvalid(manager.annotate(t.Context(), manager.existing(t, v1alpha1.SecretTLS)))
	})
	for name, r := range writers {
		t.Run(name, func(t *testing.T) {
			eventually(t, "the rights hold", func() bool { return r.annotate(t.Context(), r.existing(t, v1alpha1.SecretEnv)) == nil })
			r.testWrites(t)
		})
	}
}

func (r requester) testWrites(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	relabel := func(s *corev1.Secret, label string) error {
		return r.patch(ctx, s, fmt.Sprintf(`{"metadata":{"labels":{"berth.dev/secret":%q}}}`, label))
	}
	newSecret := func(kind corev1.SecretType, label string) func() error {
		return func() error { return r.Create(ctx, r.secret(kind, label)) }
	}
	change := func(label string) func() error { return func() error { return r.annotate(ctx, r.existing(t, label)) } }
	remove := func(label string, options ...client.DeleteOption) func() error {
		return func() error { return r.Delete(ctx, r.existing(t, label), options...) }
	}
	const (
		token    = "type kubernetes.io/service-account-token is not allowed"
		reserved = "metadata.labels[berth.dev/secret] is reserved"
		foreign  = "Only a Secret whose label"
	)
	cases := map[string]struct {
		do func() error
		// refusal is what the policy says; empty for what is allowed.
		refusal string
	}{
		"MakeCertificate":  {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretCertificate)},
		"MakePlain":        {do: newSecret(corev1.SecretTypeOpaque, "")},
		"MakeToken":        {do: newSecret(corev1.SecretTypeServiceAccountToken, ""), refusal: token},
		"MakeLabeledToken": {do: newSecret(corev1.SecretTypeServiceAccountToken, v1alpha1.SecretEnv), refusal: token},
		"ApplyToken":       {do: func() error { return r.applyToken(ctx) }, refusal: token},
		"MakePull":         {do: newSecret(corev1.SecretTypeDockerConfigJson, v1alpha1.SecretPull), refusal: reserved},
		"MakeTLS":          {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretTLS), refusal: reserved},
		"MakeKey":          {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretAPIKey), refusal: reserved},
		"ChangeEnv":        {do: change(v1alpha1.SecretEnv)},
		"ChangePlain":      {do: change(""), refusal: foreign},
		"ChangeTLS":        {do: change(v1alpha1.SecretTLS), refusal: foreign},
		"ApplyTLS":         {do: func() error { return r.readByApply(ctx, r.existing(t, v1alpha1.SecretTLS)) }, refusal: foreign},
		"TakePlainForOurs": {do: func() error { return relabel(r.existing(t, ""), v1alpha1.SecretEnv) }, refusal: foreign},
		"HideEnv":          {do: func() error { return relabel(r.existing(t, v1alpha1.SecretEnv), v1alpha1.SecretTLS) }, refusal: "must remain"},
		"DeletePassword":   {do: remove(v1alpha1.SecretMailPassword)},
		"DeleteTLS":        {do: remove(v1alpha1.SecretTLS), refusal: foreign},
		"DeleteTLSDryRun":  {do: remove(v1alpha1.SecretTLS, client.DryRunAll), refusal: foreign},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { wantDenial(t, tc.do(), tc.refusal) })
	}
}

// wantDenial fails the test unless a policy refused a request with these words and those that name the administrator, or allowed it if there are none.
func wantDenial(t *testing.T, err error, words string) {
	t.Helper()
	if words == "" {
		if err != nil {
			t.Errorf("got error %v, want the request to be allowed", err)
		}
		return
	}
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "ask your platform's administrator") {
		t.Errorf("got error %v, want one of the policy that says %q and whom to ask", err, words)
	}
}

// Rights that the role berth-manager does not have, but others may, are no way around the policy.
func TestSecretsOfAnOrganizationByMoreRights(t *testing.T) {
	org, _ := organization(t)
	writer := secretWriters(t, org)["WriterWithoutBerthsRoles"]
	tls := writer.existing(t, v1alpha1.SecretTLS)
	eventually(t, "the rights hold", func() bool { return apierrors.IsInvalid(writer.annotate(t.Context(), tls)) })
	changed := tls.DeepCopy()
	changed.Annotations = map[string]string{"a": "b"}
	wantDenial(t, writer.Update(t.Context(), changed), "Only a Secret whose label")
	wantDenial(t, writer.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(org)), "Only a Secret whose label")
	resources, err := discovery.NewDiscoveryClientForConfigOrDie(testenv.Config()).ServerResourcesForGroupVersion("v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resources.APIResources {
		if strings.HasPrefix(r.Name, "secrets/") {
			t.Errorf("the API server serves %s, which the policy does not match", r.Name)
		}
	}
}

// Requesters that may get every Secret are not matched: they clean up, renew and copy Secrets of any kind.
func TestReadersWriteSecretsOfAnyKind(t *testing.T) {
	org, _ := organization(t)
	issuer := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "cert-manager", Name: "cert-manager"}
	bindRole(t, org, newClusterRole(t, rbacv1.PolicyRule{Verbs: []string{"get", "list", "watch", "create", "update", "delete", "patch"}}), issuer)
	remove := func(ctx context.Context, r requester, s *corev1.Secret) error { return r.Delete(ctx, s) }
	annotate := func(ctx context.Context, r requester, s *corev1.Secret) error { return r.annotate(ctx, s) }
	makeToken := func(ctx context.Context, r requester, _ *corev1.Secret) error { return r.applyToken(ctx) }
	cases := map[string]struct {
		user   string
		groups []string
		do     func(context.Context, requester, *corev1.Secret) error
	}{
		"GarbageCollector":         {user: "system:serviceaccount:kube-system:generic-garbage-collector", do: remove},
		"GarbageCollectorOrphans":  {user: "system:serviceaccount:kube-system:generic-garbage-collector", do: annotate},
		"NamespaceController":      {user: "system:serviceaccount:kube-system:namespace-controller", do: remove},
		"KubeControllerManager":    {user: "system:kube-controller-manager", groups: []string{"system:authenticated"}, do: remove},
		"CertManager":              {user: "system:serviceaccount:cert-manager:cert-manager", do: annotate},
		"Operator":                 {user: "system:serviceaccount:" + testenv.Namespace + ":berth-operator", do: annotate},
		"OperatorDeletes":          {user: "system:serviceaccount:" + testenv.Namespace + ":berth-operator", do: remove},
		"Administrator":            {user: "root", groups: []string{"system:masters"}, do: annotate},
		"AdministratorMakesTokens": {user: "root", groups: []string{"system:masters"}, do: makeToken},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := as(t, org, tc.user, tc.groups...)
			var err error
			eventually(t, "the rights hold", func() bool {
				err = tc.do(t.Context(), r, r.existing(t, v1alpha1.SecretTLS))
				return !apierrors.IsForbidden(err)
			})
			wantDenial(t, err, "")
		})
	}
}

// The facade writes no Secret of an organization as itself, and nobody makes tokens of an organization's ServiceAccounts by Berth's roles.
func TestNoOtherWayToASecret(t *testing.T) {
	org, _ := organization(t)
	facade := requester{Client: asFacade(t), organization: org}
	for what, err := range map[string]error{
		"create": facade.Create(t.Context(), facade.secret(corev1.SecretTypeOpaque, v1alpha1.SecretEnv)),
		"patch":  facade.annotate(t.Context(), facade.existing(t, v1alpha1.SecretEnv)),
		"delete": facade.Delete(t.Context(), facade.existing(t, v1alpha1.SecretEnv)),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("the facade as itself, %s: got error %v, want that it is forbidden", what, err)
		}
	}
	account := create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: org, Name: "some"}})
	for name, r := range secretWriters(t, org) {
		err := r.SubResource("token").Create(t.Context(), account, &authenticationv1.TokenRequest{})
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s makes a token: got error %v, want that it is forbidden", name, err)
		}
	}
}
