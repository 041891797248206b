package verifytest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers"
	"github.com/berth-dev/berth/internal/names"
)

// TestWildcardCertificate has the default host of an App go from a certificate of its own to the platform's wildcard certificate and back, each
// by a restart of the operator, with the route naming only what is there.
func TestWildcardCertificate(t *testing.T) {
	stop := start(t, false)
	ns, _ := organization(t)
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: appIn(ns)}}
	domain := newDomain(t, ns, app.Name+"."+baseDomain)
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
		t.Fatal(err)
	}
	certify(t, ns, app.Name)
	awaitCertified(t, app, names.TLSSecret(app.Name, app.UID))
	stop()

	stop = startWith(t, func(o *controllers.Options) { o.WildcardCertificate = true })
	awaitCertified(t, app, "")
	awaitDomainCertified(t, domain)
	// The router may not have seen the route yet.
	mustBeThere(t, app)
	other, _ := organization(t)
	young := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: appIn(other)}}
	awaitCertified(t, young, "")
	if err := wantNone(t.Context(), young); err != nil {
		t.Errorf("an App that began with the wildcard certificate: %v", err)
	}
	stop()
	clock := testclock.NewFakePassiveClock(time.Now().Add(2 * time.Minute))
	stop = startWith(t, func(o *controllers.Options) { o.WildcardCertificate, o.Clock = true, clock })
	eventually(t, func(ctx context.Context) error { return wantNone(ctx, app) })
	awaitCertified(t, app, "")
	stop()

	// What is served goes on until there is something else to serve.
	start(t, false)
	c := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: app.Name}}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, client.ObjectKeyFromObject(c), c) })
	if got, err := namedSecret(t.Context(), app); err != nil || got != "" {
		t.Errorf("before the certificate is issued, the route names %q, %v", got, err)
	}
	certify(t, ns, app.Name)
	awaitCertified(t, app, names.TLSSecret(app.Name, app.UID))
	awaitDomainCertified(t, domain)
}

// With a wildcard certificate, a custom certificate for all default hosts would be served for those of others, whose routes name no Secret. It is
// refused, the host keeps the wildcard certificate, and no certificate is requested.
func TestCustomCertificateBesideTheWildcard(t *testing.T) {
	startWith(t, func(o *controllers.Options) { o.WildcardCertificate = true })
	ns, _ := organization(t)
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: appIn(ns)}}
	awaitCertified(t, app, "")
	newCustomSecret(t, ns, "all", app.Name+"."+baseDomain, "*."+baseDomain)
	newCustomSecret(t, ns, "own", app.Name+"."+baseDomain)
	domain := newDomain(t, ns, app.Name+"."+baseDomain)
	change(t, domain, func() { domain.Spec.TLS = &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: "all"}} })
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonCertificateInvalid)})
	expect(t, app, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonCertificateInvalid)})
	if got, err := namedSecret(t.Context(), app); err != nil || got != "" {
		t.Errorf("the route names the Secret %q, %v; want none", got, err)
	}
	change(t, domain, func() { domain.Spec.TLS.SecretRef.Name = "own" })
	awaitCertified(t, app, names.CustomSecret(app.Name, app.UID))
	awaitDomainCertified(t, domain)
	if err := wantNone(t.Context(), app); err != nil {
		t.Errorf("beside the wildcard certificate: %v", err)
	}
}

// newCustomSecret makes a Secret with a custom certificate, as a user does.
func newCustomSecret(t *testing.T, ns, name, host string, others ...string) {
	t.Helper()
	chain, key, err := cert.GenerateSelfSignedCertKey(host, nil, others)
	if err != nil {
		t.Fatal(err)
	}
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{v1alpha1.LabelSecret: v1alpha1.SecretCertificate}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	})
}

// certificateObjects are what there is for a certificate of an App's own.
func certificateObjects(app *v1alpha1.App) []client.Object {
	return []client.Object{
		&cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: names.TLSSecret(app.Name, app.UID)}},
	}
}

// wantNone says what there still is for a certificate of an App's own.
func wantNone(ctx context.Context, app *v1alpha1.App) error {
	for _, o := range certificateObjects(app) {
		if err := api.Get(ctx, client.ObjectKeyFromObject(o), o); err == nil {
			return fmt.Errorf("there is a %T", o)
		} else if !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func mustBeThere(t *testing.T, app *v1alpha1.App) {
	t.Helper()
	for _, o := range certificateObjects(app) {
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Errorf("%T: %v", o, err)
		}
	}
}

// certify plays cert-manager: it issues a Certificate.
func certify(t *testing.T, ns, name string) {
	t.Helper()
	c := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	eventually(t, func(ctx context.Context) error { return api.Get(ctx, client.ObjectKeyFromObject(c), c) })
	chain, key, err := cert.GenerateSelfSignedCertKey(c.Spec.DNSNames[0], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: c.Spec.SecretName, Labels: c.Spec.SecretTemplate.Labels, Annotations: map[string]string{cmv1.CertificateNameKey: name},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key},
	})
	c.Status.Conditions = []cmv1.CertificateCondition{{
		Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: c.Generation, LastTransitionTime: new(metav1.Now()),
	}}
	if err := api.Status().Update(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// awaitCertified waits until an App is certified, and its route names a Secret, or none.
func awaitCertified(t *testing.T, app *v1alpha1.App, secret string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
			return err
		}
		if got, err := namedSecret(ctx, app); err != nil || got != secret {
			return fmt.Errorf("the route names the Secret %q, want %q: %w", got, secret, err)
		}
		if !meta.IsStatusConditionTrue(app.Status.Conditions, v1alpha1.ConditionCertificateReady) {
			return fmt.Errorf("the App is not certified: %v", app.Status.Conditions)
		}
		return nil
	})
}

func awaitDomainCertified(t *testing.T, d *v1alpha1.Domain) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, client.ObjectKeyFromObject(d), d); err != nil {
			return err
		}
		if !meta.IsStatusConditionTrue(d.Status.Conditions, v1alpha1.ConditionCertificateReady) {
			return fmt.Errorf("the Domain is not certified: %v", d.Status.Conditions)
		}
		return nil
	})
}

// namedSecret returns which Secret the route of an App names.
func namedSecret(ctx context.Context, app *v1alpha1.App) (string, error) {
	ingress := &networkingv1.Ingress{}
	if err := api.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: names.AppRoute(app.Name, app.UID)}, ingress); err != nil {
		return "", err
	}
	if len(ingress.Spec.TLS) != 1 || len(ingress.Spec.TLS[0].Hosts) != 1 {
		return "", errors.New("the route has no host with TLS")
	}
	return ingress.Spec.TLS[0].SecretName, nil
}
