package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// awaitIssuer waits until a Certificate is to be signed by an issuer.
func awaitIssuer(t *testing.T, ns, name, issuer string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		c := &cmv1.Certificate{ObjectMeta: named(ns, name)}
		if err := api.Get(ctx, key(c), c); err != nil {
			return err
		}
		if got := c.Spec.IssuerRef.Name; got != issuer {
			return fmt.Errorf("the issuer is %s, want %s", got, issuer)
		}
		return nil
	})
}

// Another issuer changes who signs the next certificate. The one that is served stays until cert-manager has that.
func TestIssuerOfADomain(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	name := domain.Name + ".domain"
	guard(t, ns, name)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other"}}
	})
	awaitIssuer(t, ns, name, "other")
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertified: working, v1alpha1.ConditionRouted: succeeded})
	awaitServed(t, ns, name, name+"-tls")
	if domain.Status.Certificate == nil {
		t.Error("the status says that no certificate is served")
	}
	reportReady(t, &cmv1.Certificate{ObjectMeta: named(ns, name)})
	expect(t, domain, status.CurrentStatus, ready)
}

// A renewal that cert-manager makes by itself is seen in the status.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	secret := &corev1.Secret{ObjectMeta: named(ns, domain.Name+".domain-tls")}
	patch(t, secret, func(client.Object) {
		renewed := pairFor{host: domain.Spec.Host, notAfter: domain.Status.Certificate.NotAfter.AddDate(0, 2, 0)}
		secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey] = newPair(t, renewed)
	})
	awaitCertificate(t, domain, v1alpha1.CertificateDefault, secret)
}

// A Secret that a user has made is never cert-manager's to write, nor Berth's to delete, whether the caches know it or not.
func TestSecretOfAUserInTheWayOfACertificate(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		labels, annotations map[string]string
	}{
		"Unlabelled":           {},
		"Certificate":          {labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}},
		"OfAnotherCertificate": {annotations: map[string]string{cmv1.CertificateNameKey: "mine"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			newSecret := func(certificate string) *corev1.Secret {
				secret := &corev1.Secret{ObjectMeta: named(ns, certificate+"-tls"), Data: map[string][]byte{"mine": []byte("yes")}}
				secret.Labels, secret.Annotations = tc.labels, tc.annotations
				create(t, secret)
				return secret
			}
			name := "app-" + ns[len(ns)-5:]
			secrets := []*corev1.Secret{newSecret("www.domain"), newSecret(name)}
			app := newApp(t, ns)
			domain := &v1alpha1.Domain{ObjectMeta: named(ns, "www")}
			domain.Spec.Host, domain.Spec.AppRef.Name = "www."+ns+".example.com", name
			create(t, domain)
			for i, owner := range []hasConditions{domain, app} {
				expect(t, owner, status.FailedStatus, map[string]condition{
					v1alpha1.ConditionCertified: failing(v1alpha1.ReasonNotOwned),
					v1alpha1.ConditionStalled:   {"True", v1alpha1.ReasonNotOwned},
				})
				says(t, owner, "Secret "+secrets[i].Name)
				remove(t, owner)
			}
			quiesce(t, ns)
			for _, secret := range secrets {
				unchanged(t, secret)
				absent(t, &cmv1.Certificate{ObjectMeta: named(ns, strings.TrimSuffix(secret.Name, "-tls"))})
			}
		})
	}
}

// The Secret that cert-manager wrote for a Certificate that is gone is written anew for the one that comes after it.
func TestSecretOfAnEarlierCertificate(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	name := "app-" + ns[len(ns)-5:]
	secret := &corev1.Secret{ObjectMeta: named(ns, name+"-tls")}
	secret.Annotations = map[string]string{cmv1.CertificateNameKey: name}
	create(t, secret)
	expect(t, newApp(t, ns), status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertified: working})
	get(t, &cmv1.Certificate{ObjectMeta: named(ns, name)})
}

// A labelled Secret of a user's is not adopted either if the Certificate is there already.
func TestSecretOfAUserIsNotAdopted(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	awaitStatus(t, app)
	secret := newCertificateSecret(t, ns, app.Name+"-tls", pairFor{host: app.Name + "." + baseDomain})
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), &corev1.Secret{}) })
	reportReady(t, &cmv1.Certificate{ObjectMeta: named(ns, app.Name)})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertified: succeeded})
	quiesce(t, ns)
	unchanged(t, secret)
}

// unchanged says that nobody has written an object since it was made.
func unchanged(t *testing.T, o client.Object) {
	t.Helper()
	version := o.GetResourceVersion()
	get(t, o)
	if got := o.GetResourceVersion(); got != version {
		t.Errorf("%s has been changed", o.GetName())
	}
}
