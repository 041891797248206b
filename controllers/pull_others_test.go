package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
)

// A Secret of somebody else's that has the name is never filled with a token, and the App goes on when it goes.
func TestPullSecretOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dockerConfig := map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)}
	pullLabel := map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretPull}
	for name, foreign := range map[string]corev1.Secret{
		"Opaque":  {Data: map[string][]byte{"key": []byte("value")}},
		"OfAKind": {Type: corev1.SecretTypeDockerConfigJson, Data: dockerConfig},
		"Claimed": {Type: corev1.SecretTypeDockerConfigJson, Data: dockerConfig, ObjectMeta: metav1.ObjectMeta{Labels: pullLabel}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			role := newRole(t, ns)
			secret := foreign.DeepCopy()
			secret.Namespace, secret.Name = ns, names.PullSecret("web-"+ns[len(ns)-5:])
			create(t, secret)
			before := secret.DeepCopy()
			app := newApp(t, ns, pullsBy(role), func(a *v1alpha1.App) { a.Name = "web-" + ns[len(ns)-5:] })
			expect(t, app, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionReady: failing(v1alpha1.ReasonNotOwned), v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonNotOwned),
			})
			get(t, secret)
			if diff := cmp.Diff(before, secret); diff != "" {
				t.Errorf("the Secret was changed (-before +after):\n%s", diff)
			}
			remove(t, secret)
			eventually(t, func(ctx context.Context) error {
				// The operator may have made its own already.
				got := &corev1.Secret{}
				if err := cached.Get(ctx, key(secret), got); client.IgnoreNotFound(err) != nil || got.UID == secret.UID {
					return errNotYet
				}
				return nil
			})
			if _, err := whatNow(t, app, time.Now()); err != nil {
				t.Fatal(err)
			}
			if !opens(t, awaitPull(t, app, nil)) {
				t.Error("the registry refuses what is in the pull Secret")
			}
		})
	}
}

// Organizations that name the same role never share what AWS gives for it, and the role trusts one of them.
func TestRoleOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	owner, thief := organization(t), organization(t)
	role := newRole(t, owner)
	first := awaitPull(t, newApp(t, owner, pullsBy(role)), nil)
	app := newApp(t, thief, pullsBy(role))
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonRoleRefused)})
	secret := &corev1.Secret{ObjectMeta: testobjects.Named(thief, names.PullSecret(app.Name))}
	if err := api.Get(t.Context(), key(secret), secret); !apierrors.IsNotFound(err) {
		t.Errorf("there is a pull Secret: %v", err)
	}
	if !opens(t, first) {
		t.Error("the owner's token doesn't work any more")
	}
}
