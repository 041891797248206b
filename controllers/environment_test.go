package controllers

import (
	"context"
	"fmt"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// newEnvSecret makes a Secret as the REST facade makes it for an environment.
func newEnvSecret(t *testing.T, ns, app, hash string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: app + "-env-" + hash,
			Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretEnv, v1alpha1.LabelApp: app},
		},
		Immutable: new(true),
		Data:      map[string][]byte{"PASSWORD": []byte("hunter2")},
	}
	create(t, secret)
	return secret
}

func fromSecret(secret, key string) func(*v1alpha1.App) {
	return func(a *v1alpha1.App) {
		ref := &v1alpha1.KeyRef{Name: secret, Key: key}
		a.Spec.Env = []v1alpha1.EnvVar{{Name: "PASSWORD", ValueFrom: &v1alpha1.EnvVarSource{SecretKeyRef: ref}}}
	}
}

func TestEnvSecretIsAdopted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		// late makes the Secret after the App.
		late bool
		// label is the App that the Secret's label names.
		label string
		want  bool
	}{
		"Before":     {label: "web", want: true},
		"After":      {label: "web", late: true, want: true},
		"AnotherApp": {label: "other", want: false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := &v1alpha1.App{ObjectMeta: testobjects.Named(ns, "web"), Spec: v1alpha1.AppSpec{Image: "web"}}
			fromSecret(tc.label+"-env-1", "PASSWORD")(app)
			if tc.late {
				create(t, app)
				awaitStatus(t, app)
			}
			secret := newEnvSecret(t, ns, tc.label, "1")
			if !tc.late {
				create(t, app)
			}
			if !tc.want {
				awaitStatus(t, app)
				settle()
			}
			eventually(t, func(ctx context.Context) error {
				if err := api.Get(ctx, key(secret), secret); err != nil {
					return err
				}
				if got := metav1.IsControlledBy(secret, app); got != tc.want {
					return fmt.Errorf("the App owns the Secret: %t, want %t", got, tc.want)
				}
				return nil
			})
		})
	}
}

func TestEnvSecretWithoutTheKey(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	secret := newEnvSecret(t, ns, "web", "1")
	app := newApp(t, ns, fromSecret(secret.Name, "TOKEN"))
	expect(t, app, status.InProgressStatus, map[string]condition{
		v1alpha1.ConditionReady:              failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionStalled:            {"False", v1alpha1.ReasonSecretNotFound},
	})
	says(t, app, "names the key TOKEN, which Secret web-env-1 doesn't have")
	get(t, &appsv1.Deployment{ObjectMeta: testobjects.Named(ns, app.Name)})
	patch(t, app, func(client.Object) { app.Spec.Env[0].ValueFrom.SecretKeyRef.Optional = new(true) })
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: succeeded})
}

// The cache knows which keys a Secret has, and no value; of Secrets without Berth's label, not even that they are there.
func TestCacheHoldsNoValues(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	secret := newEnvSecret(t, ns, "web", "1")
	other := &corev1.Secret{ObjectMeta: testobjects.Named(ns, "other"), StringData: map[string]string{"a": "b"}}
	create(t, other)
	got := &corev1.Secret{}
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), got) })
	if diff := cmp.Diff(map[string][]byte{"PASSWORD": nil}, got.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if err := cached.Get(t.Context(), key(other), got); !apierrors.IsNotFound(err) {
		t.Errorf("reading a Secret without the label: got error %v, want that it isn't found", err)
	}
}
