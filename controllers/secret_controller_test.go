package controllers

import (
	"context"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/secretgc"
)

func TestEnvSecretsThatNothingNames(t *testing.T) {
	t.Parallel()
	const age = secretgc.SecretGrace + time.Minute
	replicaSet := func(t *testing.T, s *corev1.Secret) client.Object {
		t.Helper()
		labels := map[string]string{v1alpha1.LabelApp: "web"}
		set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "web-1", Labels: labels}}
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
		set.Spec.Template.Labels = labels
		ref := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: s.Name}, Key: "PASSWORD"}
		set.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Image: "web", Env: []corev1.EnvVar{
			{Name: "A", Value: "literal"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: ref}},
		}}}
		create(t, set)
		return set
	}
	app := func(t *testing.T, s *corev1.Secret) client.Object {
		t.Helper()
		return newApp(t, s.Namespace, fromSecret(s.Name, "PASSWORD"))
	}
	cases := map[string]struct {
		named  func(*testing.T, *corev1.Secret) client.Object
		age    time.Duration
		kept   bool
		within time.Duration
	}{
		"Young":             {age: time.Minute, kept: true, within: secretgc.SecretGrace},
		"Old":               {age: age},
		"NamedByApp":        {age: age, named: app, kept: true},
		"NamedByReplicaSet": {age: age, named: replicaSet, kept: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			secret := newEnvSecret(t, ns, "web", "1")
			if tc.named != nil {
				namer := tc.named(t, secret)
				eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(namer), namer) })
			}
			eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), secret) })
			r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(secret.CreationTimestamp.Add(tc.age))))}
			result, err := r.Reconcile(t.Context(), secret)
			if err != nil {
				t.Fatal(err)
			}
			if (result.RequeueAfter > 0) != (tc.within > 0) || result.RequeueAfter > tc.within {
				t.Errorf("looks again after %s, want within %s", result.RequeueAfter, tc.within)
			}
			err = api.Get(t.Context(), key(secret), &corev1.Secret{})
			if kept := err == nil; kept != tc.kept {
				t.Errorf("the Secret is kept: %t (%v), want %t", kept, err, tc.kept)
			}
		})
	}
}

// A Secret that somebody has touched since it was looked at may be about to be named again.
func TestEnvSecretThatWasTouched(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	secret := newEnvSecret(t, ns, "web", "1")
	looked := secret.DeepCopy()
	patch(t, secret, func(o client.Object) { o.SetAnnotations(map[string]string{"touched": "yes"}) })
	r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(time.Now().Add(time.Hour))))}
	if _, err := r.Reconcile(t.Context(), looked); !apierrors.IsConflict(err) {
		t.Errorf("Reconcile: got error %v, want a conflict", err)
	}
	get(t, secret)
}

// Secrets of users, and those that others look after, are not the controller's to delete.
func TestOtherSecretsAreKept(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	cases := []map[string]string{
		{v1alpha1.LabelSecret: v1alpha1.SecretTLS, v1alpha1.LabelApp: "web"},
		{v1alpha1.LabelSecret: v1alpha1.SecretAPIKey, v1alpha1.LabelApp: "web"},
		{v1alpha1.LabelSecret: v1alpha1.SecretNewCertKey, v1alpha1.LabelApp: "web"},
		{v1alpha1.LabelSecret: v1alpha1.SecretCertificate},
		{v1alpha1.LabelSecret: v1alpha1.SecretMailPassword},
		{v1alpha1.LabelApp: "web"},
	}
	for _, labels := range cases {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "secret-", Labels: labels}}
		create(t, secret)
		r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(time.Now().Add(time.Hour))))}
		if _, err := r.Reconcile(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		get(t, secret)
	}
}

// What a REST client gave for a Domain goes once no Domain names it.
func TestDomainSecretsThatNothingNames(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	password, bought := newGivenSecrets(t, domain)
	expect(t, domain, status.CurrentStatus, ready)
	awaitOwned(t, password, domain)
	awaitOwned(t, bought, domain)
	collect := func(after time.Duration, secrets ...*corev1.Secret) {
		t.Helper()
		r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(time.Now().Add(after))))}
		for _, secret := range secrets {
			if err := cached.Get(t.Context(), key(secret), secret); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Reconcile(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
		}
	}
	collect(time.Hour, password, bought)
	get(t, password)
	get(t, bought)

	patch(t, domain, func(client.Object) { domain.Spec.TLS, domain.Spec.Mail = nil, nil })
	awaitAbsent(t, password)
	awaitAbsent(t, bought)
}
