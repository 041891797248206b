package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/names"
)

// awaitIssuer waits until a Certificate is to be signed by an issuer.
func awaitIssuer(t *testing.T, ns, name, issuer string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)}
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
	guard(t, domain)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other"}}
	})
	awaitIssuer(t, ns, name, "other")
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working, v1alpha1.ConditionRouteReady: succeeded})
	awaitServed(t, domain, tlsSecret(domain).Name)
	if domain.Status.Certificate == nil {
		t.Error("the status says that no certificate is served")
	}
	reportReady(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, name)})
	expect(t, domain, status.CurrentStatus, ready)
}

// A renewal that cert-manager makes by itself is seen in the status, also if the Secret has lost its label since it was adopted.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	secret := tlsSecret(domain)
	for range 2 {
		patch(t, secret, func(client.Object) {
			renewed := pairFor{host: domain.Spec.Host, notAfter: domain.Status.Certificate.NotAfter.AddDate(0, 2, 0)}
			secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey] = newPair(t, renewed)
		})
		awaitCertificate(t, domain, v1alpha1.CertificateDefault, secret)
		awaitOwned(t, secret, domain)
		patch(t, secret, func(client.Object) { delete(secret.Labels, v1alpha1.LabelDomain) })
		quiesce(t, ns)
	}
}

// A Secret that a user has made is in the way of no certificate, however alike the names are: nobody writes or deletes it.
func TestSecretOfAUserWithANameLikeACertificates(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	name := "app-" + ns[len(ns)-5:]
	var secrets []*corev1.Secret
	for _, certificate := range []string{name, "www.domain"} {
		for _, suffix := range []string{"-tls", "-tls-00000000"} {
			secrets = append(secrets, newCertificateSecret(t, ns, certificate+suffix, pairFor{host: "mine.example.com"}))
		}
	}
	app := running(t, ns)
	domain := &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, "www")}
	domain.Spec.Host, domain.Spec.AppRef.Name = "www."+ns+".example.com", name
	create(t, domain)
	certify(t, ns, "www.domain")
	expect(t, domain, status.CurrentStatus, ready)
	remove(t, domain)
	remove(t, app)
	quiesce(t, ns)
	for _, secret := range secrets {
		unchanged(t, secret)
	}
}

// A labelled Secret of a user's is not adopted either if the Certificate is there already.
func TestSecretOfAUserIsNotAdopted(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := newApp(t, ns)
	awaitStatus(t, app)
	secret := newCertificateSecret(t, ns, tlsSecret(app).Name, pairFor{host: app.Name + "." + baseDomain})
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), &corev1.Secret{}) })
	reportReady(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)})
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working})
	quiesce(t, ns)
	unchanged(t, secret)
	awaitServed(t, app, "")
}

// A route names no Secret that a member of the organization has created under one of Berth's names: an ingress controller would serve it for every host
// in it. Labels and owner references of Berth's make it none of Berth's.
func TestPlantedSecretIsNotServed(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(app *v1alpha1.App) *corev1.Secret{
		"Issued": func(app *v1alpha1.App) *corev1.Secret { return tlsSecret(app) },
		"IssuedAndLabelled": func(app *v1alpha1.App) *corev1.Secret {
			secret := tlsSecret(app)
			secret.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}
			return secret
		},
		"Copy": func(app *v1alpha1.App) *corev1.Secret { return forged(copyOf(app), app) },
		"FormerCopy": func(app *v1alpha1.App) *corev1.Secret {
			return forged(&corev1.Secret{ObjectMeta: testobjects.Named(app.Namespace, names.FormerCustomSecret(app.Name))}, app)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			app := newApp(t, ns)
			domain := &v1alpha1.Domain{ObjectMeta: testobjects.Named(ns, "mirror"), Spec: v1alpha1.DomainSpec{
				Host: app.Name + "." + baseDomain, AppRef: v1alpha1.AppRef{Name: app.Name},
				TLS: &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: "nothing-here"}},
			}}
			if strings.HasPrefix(name, "Issued") {
				domain.Spec.TLS = nil
			}
			create(t, domain)
			secret := plant(app)
			secret.Type = corev1.SecretTypeTLS
			chain, key := newPair(t, pairFor{host: domain.Spec.Host})
			secret.Data = map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
			create(t, secret)
			awaitStatus(t, app)
			patch(t, app, func(client.Object) { app.Spec.Replicas = new(int32(2)) })
			quiesce(t, ns)
			awaitServed(t, app, "")
		})
	}
}

// forged makes a Secret look like a copy that Berth has made for an App, as far as a member of the organization can.
func forged(secret *corev1.Secret, app *v1alpha1.App) *corev1.Secret {
	secret.Labels = map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}
	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(app, v1alpha1.GroupVersion.WithKind("App"))}
	return secret
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
