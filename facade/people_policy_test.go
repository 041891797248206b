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
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

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
	named := func(name string) func() error {
		return func() error {
			s := r.secret(corev1.SecretTypeOpaque, "")
			s.GenerateName, s.Name = "", name
			return r.Create(ctx, s, client.DryRunAll)
		}
	}
	const ownerJSON = `{"apiVersion":"berth.dev/v1alpha1","kind":"App","name":"web","uid":"0a1b2c3d-0000-4000-8000-000000000000","controller":true}`
	owner := []metav1.OwnerReference{{
		APIVersion: "berth.dev/v1alpha1", Kind: "App", Name: "web", UID: "0a1b2c3d-0000-4000-8000-000000000000", Controller: new(true),
	}}
	owned := func() *corev1.Secret {
		s := r.secret(corev1.SecretTypeOpaque, v1alpha1.SecretEnv)
		s.OwnerReferences = owner
		return create(t, s)
	}
	exclusion := func(change func(*corev1.Secret)) func() error {
		return func() error {
			s := apikey.Exclusion(r.secret(corev1.SecretTypeOpaque, "").Namespace, "0a1b2c3d")
			if change != nil {
				change(s)
			}
			return r.Create(ctx, s, client.DryRunAll)
		}
	}
	const (
		excluding  = "A Secret with the label berth.dev/secret=excluded-key"
		name       = "metadata.name must not end in"
		owners     = "metadata.ownerReferences is set by Berth"
		finalizers = "metadata.finalizers is not allowed"
		token      = "type kubernetes.io/service-account-token is not allowed"
		reserved   = "metadata.labels[berth.dev/secret] is reserved"
		foreign    = "Only a Secret whose label"
	)
	cases := map[string]struct {
		do func() error
		// refusal is what the policy says; empty for what is allowed.
		refusal string
	}{
		"MakeCertificate":    {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretCertificate)},
		"MakePlain":          {do: newSecret(corev1.SecretTypeOpaque, "")},
		"MakeToken":          {do: newSecret(corev1.SecretTypeServiceAccountToken, ""), refusal: token},
		"MakeLabeledToken":   {do: newSecret(corev1.SecretTypeServiceAccountToken, v1alpha1.SecretEnv), refusal: token},
		"ApplyToken":         {do: func() error { return r.applyToken(ctx) }, refusal: token},
		"MakePull":           {do: newSecret(corev1.SecretTypeDockerConfigJson, v1alpha1.SecretPull), refusal: reserved},
		"MakeTLS":            {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretTLS), refusal: reserved},
		"MakeKey":            {do: newSecret(corev1.SecretTypeOpaque, v1alpha1.SecretAPIKey), refusal: reserved},
		"ExcludeKey":         {do: exclusion(nil)},
		"ExcludeKeyWithData": {do: exclusion(func(s *corev1.Secret) { s.StringData = map[string]string{"a": "b"} }), refusal: excluding},
		"ExcludeNoKey":       {do: exclusion(func(s *corev1.Secret) { s.Name = "excluded-key-x" }), refusal: excluding},
		"ExcludeByOtherName": {do: exclusion(func(s *corev1.Secret) { s.Name = "key-0a1b2c3d" }), refusal: excluding},
		"ExcludeByOtherType": {do: exclusion(func(s *corev1.Secret) {
			s.Type = corev1.SecretTypeBasicAuth
			s.StringData = map[string]string{"username": "a"}
		}), refusal: excluding},
		"ChangeEnv":                 {do: change(v1alpha1.SecretEnv)},
		"ChangePlain":               {do: change(""), refusal: foreign},
		"ChangeTLS":                 {do: change(v1alpha1.SecretTLS), refusal: foreign},
		"ApplyTLS":                  {do: func() error { return r.readByApply(ctx, r.existing(t, v1alpha1.SecretTLS)) }, refusal: foreign},
		"TakePlainForOurs":          {do: func() error { return relabel(r.existing(t, ""), v1alpha1.SecretEnv) }, refusal: foreign},
		"HideEnv":                   {do: func() error { return relabel(r.existing(t, v1alpha1.SecretEnv), v1alpha1.SecretTLS) }, refusal: "must remain"},
		"MakeNamedLikeTLS":          {do: named("web-tls-0a1b2c3d"), refusal: name},
		"MakeNamedLikeCopy":         {do: named("web-custom-01234567"), refusal: name},
		"MakeNamedLikeTLSOfDomain":  {do: named("www.domain-tls-deadbeef"), refusal: name},
		"MakeNamedLikeCopyOfDomain": {do: named("www.domain-custom-deadbeef"), refusal: name},
		"MakeNamedTLS":              {do: named("web-tls")},
		"MakeNamedByYear":           {do: named("web-tls-2026")},
		"MakeOwned": {do: func() error {
			s := r.secret(corev1.SecretTypeOpaque, v1alpha1.SecretCertificate)
			s.OwnerReferences = owner
			return r.Create(ctx, s)
		}, refusal: owners},
		"MakeFinalized": {do: func() error {
			s := r.secret(corev1.SecretTypeOpaque, v1alpha1.SecretCertificate)
			s.Finalizers = []string{"example.com/keep"}
			return r.Create(ctx, s)
		}, refusal: finalizers},
		"FinalizeEnv": {do: func() error {
			return r.patch(ctx, r.existing(t, v1alpha1.SecretEnv), `{"metadata":{"finalizers":["example.com/keep"]}}`)
		}, refusal: finalizers},
		"OwnEnv": {do: func() error {
			return r.patch(ctx, r.existing(t, v1alpha1.SecretEnv), `{"metadata":{"ownerReferences":[`+ownerJSON+`]}}`)
		}, refusal: owners},
		"ChangeOwnedEnv":  {do: func() error { return r.annotate(ctx, owned()) }},
		"DisownEnv":       {do: func() error { return r.patch(ctx, owned(), `{"metadata":{"ownerReferences":null}}`) }},
		"DeletePassword":  {do: remove(v1alpha1.SecretMailPassword)},
		"DeleteTLS":       {do: remove(v1alpha1.SecretTLS), refusal: foreign},
		"DeleteTLSDryRun": {do: remove(v1alpha1.SecretTLS, client.DryRunAll), refusal: foreign},
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
