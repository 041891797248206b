package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

const otherRegistry = "registry.example.com"

// newLogin makes a Secret with a login for a registry, as a user makes it.
func newLogin(t *testing.T, ns, name, user, password string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: testobjects.Named(ns, name),
		Type:       corev1.SecretTypeBasicAuth,
		Data:       map[string][]byte{corev1.BasicAuthUsernameKey: []byte(user), corev1.BasicAuthPasswordKey: []byte(password)},
	}
	secret.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretRegistry}
	create(t, secret)
	return secret
}

func pullsWith(secret string) func(*v1alpha1.App) {
	return func(a *v1alpha1.App) {
		a.Spec.Registry = &v1alpha1.RegistryAccess{CredentialsSecretRef: &v1alpha1.SecretRef{Name: secret}}
	}
}

func TestImageIsPulledWithALogin(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns, pullsWith("quay"))
	expect(t, app, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady: failing(v1alpha1.ReasonSecretNotFound), v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonSecretNotFound),
	})
	login := newLogin(t, ns, "quay", "robot", "the first token")
	secret := awaitPull(t, app, nil)
	if user, password := loginIn(t, secret, otherRegistry); user != "robot" || password != "the first token" {
		t.Error("the pull Secret doesn't hold the login")
	}
	before := awaitDeployment(t, app)
	patch(t, login, func(client.Object) { login.Data[corev1.BasicAuthPasswordKey] = []byte("the second token") })
	secret = awaitPull(t, app, secret)
	if _, password := loginIn(t, secret, otherRegistry); password != "the second token" {
		t.Error("the pull Secret doesn't follow the login")
	}
	if after := awaitDeployment(t, app); after.Generation != before.Generation {
		t.Error("a new login has changed the Deployment")
	}
	remove(t, secret)
	if _, password := loginIn(t, awaitPull(t, app, nil), otherRegistry); password != "the second token" {
		t.Error("the pull Secret isn't made anew")
	}
	if strings.Contains(logged.String(), "the second token") {
		t.Error("the login was logged")
	}
	get(t, login)
	if len(login.OwnerReferences) > 0 {
		t.Error("a user's Secret was adopted")
	}
}

// The files that kubectl makes a Secret of end with a line break, which neither the user name nor the password has.
func TestLoginOfFiles(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ user, password, wantUser, wantPassword string }{
		"LF":            {user: "robot\n", password: "s3cret\n", wantUser: "robot", wantPassword: "s3cret"},
		"CRLF":          {user: "robot\r\n", password: "s3cret\r\n", wantUser: "robot", wantPassword: "s3cret"},
		"SpaceIsKept":   {user: "robot", password: " s3 cret \n", wantUser: "robot", wantPassword: " s3 cret "},
		"KeyOfAService": {user: "_json_key", password: "{\n \"a\": 1\n}\n\n", wantUser: "_json_key", wantPassword: "{\n \"a\": 1\n}\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			newLogin(t, ns, "quay", tc.user, tc.password)
			user, password := loginIn(t, awaitPull(t, newApp(t, ns, pullsWith("quay")), nil), otherRegistry)
			if user != tc.wantUser || password != tc.wantPassword {
				t.Errorf("the pull Secret's login has a user name of %d and a password of %d bytes, or others", len(user), len(password))
			}
		})
	}
}

// A pull Secret that somebody else has changed is noticed the next time that the App is looked at.
func TestChangedPullSecretIsSetRight(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	newLogin(t, ns, "quay", "robot", "token")
	app := newApp(t, ns, pullsWith("quay"))
	secret := awaitPull(t, app, nil)
	before := secret.ResourceVersion
	const foreign = `{"auths":{}}`
	patch(t, secret, func(client.Object) { secret.Data[corev1.DockerConfigJsonKey] = []byte(foreign) })
	foreigner := secret.DeepCopy()
	eventually(t, func(ctx context.Context) error {
		kept := &corev1.Secret{}
		if err := cached.Get(ctx, key(secret), kept); err != nil {
			return err
		}
		if kept.ResourceVersion == before { // Not that of the foreigner's: it may be set right already, if something else has woken the App.
			return errNotYet
		}
		return nil
	})
	if _, err := whatNow(t, app, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, password := loginIn(t, awaitPull(t, app, foreigner), otherRegistry); password != "token" {
		t.Error("the pull Secret isn't set right")
	}
}

// The Secret that a REST client's login is kept in goes with the App.
func TestLoginOfARestClientIsAdopted(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	login := newLogin(t, ns, "web-registry-1", "robot", "token")
	app := newApp(t, ns, pullsWith(login.Name))
	patch(t, login, func(client.Object) { login.Labels[v1alpha1.LabelApp] = app.Name })
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(login), login); err != nil {
			return err
		}
		if !metav1.IsControlledBy(login, app) {
			return errNotYet
		}
		return nil
	})
	awaitPull(t, app, nil)
	quiesce(t, ns)
}

func TestUnusableLogins(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*corev1.Secret)
		want   status.Status
		reason string
	}{
		"NoLabel":   {func(s *corev1.Secret) { s.Labels = nil }, status.FailedStatus, v1alpha1.ReasonSecretNotFound},
		"NoKey":     {func(s *corev1.Secret) { delete(s.Data, "username") }, status.InProgressStatus, v1alpha1.ReasonSecretNotFound},
		"LineBreak": {func(s *corev1.Secret) { s.Data["password"] = []byte("\n") }, status.FailedStatus, v1alpha1.ReasonCredentialsInvalid},
		"Empty":     {func(s *corev1.Secret) { s.Data["password"] = nil }, status.FailedStatus, v1alpha1.ReasonCredentialsInvalid},
		"WithColon": {func(s *corev1.Secret) { s.Data["username"] = []byte("a:b") }, status.FailedStatus, v1alpha1.ReasonCredentialsInvalid},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			secret := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: ns, Name: "quay", Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretRegistry},
				},
				Data: map[string][]byte{"username": []byte("robot"), "password": []byte("token")},
			}
			tc.change(secret)
			create(t, secret)
			app := newApp(t, ns, pullsWith("quay"))
			expect(t, app, tc.want, map[string]condition{v1alpha1.ConditionReferencesResolved: failing(tc.reason)})
		})
	}
}
