package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	for registry, key := range map[string]string{"quay.io": "quay.io", "docker.io": "https://index.docker.io/v1/"} {
		got, err := Login(registry, "user", `pass"word`)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"auths":{"` + key + `":{"username":"user","password":"pass\"word","auth":"dXNlcjpwYXNzIndvcmQ="}}}`
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("login (-want +got):\n%s", diff)
		}
	}
}

func TestPullSecret(t *testing.T) {
	t.Parallel()
	golden(t, "pull-secret", PullSecret(testApp(), []byte(`{"auths":{}}`), map[string]string{v1alpha1.AnnotationCredentialsFrom: "quay.io quay uid 1"}))
}

func TestPullSecretsAreNamedOnce(t *testing.T) {
	t.Parallel()
	app := testApp(func(a *v1alpha1.App) {
		a.Spec.Registry = &v1alpha1.RegistryAccess{RoleARN: "arn:aws:iam::1:role/pull"}
		a.Spec.ImagePullSecrets = []v1alpha1.ImagePullSecret{{Name: "z"}, {Name: "web-pull"}, {Name: "a"}}
	})
	if diff := cmp.Diff([]string{"web-pull", "z", "a"}, PullSecrets(app)); diff != "" {
		t.Errorf("imagePullSecrets (-want +got):\n%s", diff)
	}
}
