package facade

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/testenv"
)

// TestPeopleAndSecrets says which Secrets a manager may write, who is shown by the API server whatever they change.
func TestPeopleAndSecrets(t *testing.T) {
	org, _ := organization(t)
	config := testenv.Config()
	config.Impersonate.UserName = access.UserOfPerson("ann@example.com")
	config.Impersonate.Groups = []string{access.Group(org, access.RoleManager), "system:authenticated"}
	ann, err := client.New(config, client.Options{Scheme: store.NewScheme(), Mapper: suite.cluster.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	secret := func(kind corev1.SecretType, label string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: org, GenerateName: "of-ann-"}, Type: kind, StringData: map[string]string{"a": "b"}}
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
	existing := func(label string) *corev1.Secret {
		s := secret(corev1.SecretTypeOpaque, label)
		if err := suite.cluster.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	annotate := func(s *corev1.Secret) error {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"b"}}}`))
		return ann.Patch(t.Context(), s, patch, client.DryRunAll)
	}
	relabel := func(s *corev1.Secret) error {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"berth.dev/secret":"env"}}}`))
		return ann.Patch(t.Context(), s, patch)
	}
	cases := map[string]struct {
		do   func() error
		want bool
	}{
		"MakeCertificate": {do: func() error {
			return ann.Create(t.Context(), secret(corev1.SecretTypeOpaque, v1alpha1.SecretCertificate))
		}, want: true},
		"MakePlain": {do: func() error { return ann.Create(t.Context(), secret(corev1.SecretTypeOpaque, "")) }, want: true},
		"MakeToken": {do: func() error { return ann.Create(t.Context(), secret(corev1.SecretTypeServiceAccountToken, "")) }},
		"MakePull": {do: func() error {
			return ann.Create(t.Context(), secret(corev1.SecretTypeDockerConfigJson, v1alpha1.SecretPull))
		}},
		"MakeTLS":          {do: func() error { return ann.Create(t.Context(), secret(corev1.SecretTypeOpaque, v1alpha1.SecretTLS)) }},
		"MakeKey":          {do: func() error { return ann.Create(t.Context(), secret(corev1.SecretTypeOpaque, v1alpha1.SecretAPIKey)) }},
		"ChangeEnv":        {do: func() error { return annotate(existing(v1alpha1.SecretEnv)) }, want: true},
		"ChangePlain":      {do: func() error { return annotate(existing("")) }},
		"ChangeTLS":        {do: func() error { return annotate(existing(v1alpha1.SecretTLS)) }},
		"TakePlainForOurs": {do: func() error { return relabel(existing("")) }},
		"DeletePassword":   {do: func() error { return ann.Delete(t.Context(), existing(v1alpha1.SecretMailPassword)) }, want: true},
		"DeleteTLS":        {do: func() error { return ann.Delete(t.Context(), existing(v1alpha1.SecretTLS)) }},
	}
	eventually(t, "the policy is in force", func() bool { return annotate(existing(v1alpha1.SecretTLS)) != nil })
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tc.do(); (err == nil) != tc.want {
				t.Errorf("got %v, want it to be allowed: %t", err, tc.want)
			}
		})
	}
}
