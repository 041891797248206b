package controllers

import (
	"context"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// newPassword makes a Secret with the password of a mail server; of a REST client's if it is for an App.
func newPassword(t *testing.T, ns, name, app string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: name, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretMailPassword},
		},
		Data: map[string][]byte{"password": []byte("hunter2")},
	}
	if app != "" {
		secret.Labels[v1alpha1.LabelApp] = app
		secret.Immutable = new(true)
	}
	create(t, secret)
	return secret
}

// wantPassword makes a Domain name the password of its mail server.
func wantPassword(t *testing.T, domain *v1alpha1.Domain, secret string) {
	t.Helper()
	patch(t, domain, func(client.Object) {
		ref := &v1alpha1.SecretKeyRef{Name: secret, Key: "password"}
		domain.Spec.Mail = &v1alpha1.DomainMail{User: "support@example.com", PasswordSecretRef: ref}
	})
}

func TestMailPassword(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	expect(t, domain, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: succeeded})
	lacking := map[string]condition{
		v1alpha1.ConditionReady:              failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionStalled:            {"False", v1alpha1.ReasonSecretNotFound},
		v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonSecretNotFound),
		v1alpha1.ConditionCertificateReady:   succeeded,
		v1alpha1.ConditionRouteReady:         succeeded,
	}
	wantPassword(t, domain, "mail")
	expect(t, domain, status.InProgressStatus, lacking)
	says(t, domain, "no Secret mail with the label berth.dev/secret=mail-password")

	secret := newPassword(t, ns, "mail", "")
	expect(t, domain, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: succeeded})
	patch(t, secret, func(client.Object) { secret.Data = map[string][]byte{"other": []byte("hunter2")} })
	expect(t, domain, status.InProgressStatus, lacking)
	says(t, domain, "has no key password")
	patch(t, secret, func(client.Object) { secret.Data = map[string][]byte{"password": []byte("hunter2")} })
	expect(t, domain, status.CurrentStatus, map[string]condition{v1alpha1.ConditionReferencesResolved: succeeded})
	patch(t, secret, func(client.Object) { secret.Labels[v1alpha1.LabelSecret] = v1alpha1.SecretEnv })
	expect(t, domain, status.InProgressStatus, lacking)
}

// newGivenSecrets makes a Domain name a password and a certificate as a REST client gives them.
func newGivenSecrets(t *testing.T, domain *v1alpha1.Domain) (password, bought *corev1.Secret) {
	t.Helper()
	app := domain.Spec.AppRef.Name
	password = newPassword(t, domain.Namespace, "mail", app)
	bought = newCertificateSecret(t, domain.Namespace, "bought", pairFor{host: domain.Spec.Host})
	patch(t, bought, func(client.Object) { bought.Labels[v1alpha1.LabelApp] = app })
	wantPassword(t, domain, password.Name)
	wantCustom(t, domain, bought.Name)
	return password, bought
}

// A Secret that a REST client made for a Domain goes with it; one that a user made, or that is for another App, is left alone.
func TestDomainSecretIsAdopted(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	password, bought := newGivenSecrets(t, domain)
	awaitOwned(t, password, domain)
	awaitOwned(t, bought, domain)
	expect(t, domain, status.CurrentStatus, ready)

	for _, other := range []*corev1.Secret{newPassword(t, ns, "own", ""), newPassword(t, ns, "others", "other")} {
		wantPassword(t, domain, other.Name)
		expect(t, domain, status.CurrentStatus, ready)
		quiesce(t, ns)
		get(t, other)
		if metav1.GetControllerOf(other) != nil {
			t.Errorf("the Domain owns Secret %s", other.Name)
		}
	}
}

// A Domain that its host doesn't belong to says nevertheless whether what it names is there.
func TestMailPasswordOfAConflict(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	first := newServedDomain(t, ns)
	nextSecond(t)
	second := newDomain(t, other, first.Spec.Host, newApp(t, other).Name)
	wantPassword(t, second, "mail")
	want := map[string]condition{v1alpha1.ConditionReferencesResolved: failing(v1alpha1.ReasonSecretNotFound)}
	expect(t, second, status.FailedStatus, want)
	if second.Status.Certificate != nil {
		t.Errorf("the certificate is %+v, want none", second.Status.Certificate)
	}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, key(first), first) })
	if first.Status.Certificate == nil {
		t.Error("the Domain that has the host says nothing of its certificate")
	}
}
