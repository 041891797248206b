package controllers

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// A Domain that mirrors is never ready, not for a moment, before the App serves what the Domain's present generation asks for.
func TestMirrorIsReadyOnceServed(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	host := app.Name + "." + baseDomain
	domain := newDomain(t, ns, host, app.Name)
	expect(t, domain, status.CurrentStatus, ready)
	neverReadyEarly(t, app)

	good := newCertificateSecret(t, ns, "bought", pairFor{host: host})
	wantCustom(t, domain, good.Name)
	expect(t, domain, status.CurrentStatus, ready)
	wantCustom(t, domain, newCertificateSecret(t, ns, "wrong", pairFor{host: "other.example.com"}).Name)
	expect(t, domain, status.FailedStatus, certificateInvalid)
	wantCustom(t, domain, newCertificateSecret(t, ns, "renewed", pairFor{host: host}).Name)
	expect(t, domain, status.CurrentStatus, ready)

	wantCustom(t, domain, "")
	expect(t, domain, status.CurrentStatus, ready)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other", Kind: "Issuer"}}
	})
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionCertificateReady: working})
	awaitIssuer(t, ns, app.Name, "other")
	reportReady(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)})
	expect(t, domain, status.CurrentStatus, ready)
}

// neverReadyEarly watches, until the test ends, the Domains of a Namespace that mirror an App: whenever one says that it is ready for its
// present generation, the App's route has to serve what that asks for.
func neverReadyEarly(t *testing.T, app *v1alpha1.App) {
	t.Helper()
	w, err := api.Watch(t.Context(), &v1alpha1.DomainList{}, client.InNamespace(app.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		w.Stop()
		wg.Wait()
	})
	wg.Go(func() {
		for event := range w.ResultChan() {
			domain, ok := event.Object.(*v1alpha1.Domain)
			if !ok || domain.Status.ObservedGeneration != domain.Generation ||
				!meta.IsStatusConditionTrue(domain.Status.Conditions, v1alpha1.ConditionReady) {
				continue
			}
			err := asked(ctx, domain, app)
			now := domain.DeepCopy()
			if getErr := api.Get(ctx, key(domain), now); getErr != nil {
				return
			}
			if err != nil && now.Generation == domain.Generation {
				t.Errorf("ready for generation %d too early: %v", domain.Generation, err)
			}
		}
	})
}

// asked says in what the route of an App doesn't serve what a Domain asks for.
func asked(ctx context.Context, domain *v1alpha1.Domain, app *v1alpha1.App) error {
	ingress := routeOf(app)
	if err := api.Get(ctx, key(ingress), ingress); err != nil {
		return err
	}
	served, err := servedSecret(ctx, ingress)
	if err != nil {
		return err
	}
	if tls := domain.Spec.TLS; tls != nil && tls.SecretRef != nil {
		source := &corev1.Secret{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: domain.Namespace, Name: tls.SecretRef.Name}, source); err != nil {
			return err
		}
		if !bytes.Equal(served.Data[corev1.TLSCertKey], source.Data[corev1.TLSCertKey]) {
			return fmt.Errorf("Secret %s, which is served, doesn't hold what %s does", served.Name, source.Name)
		}
		return nil
	}
	return issuedBy(ctx, domain, served.Name, app.Name)
}

// issuedBy says in what a Secret isn't what the issuer of a Domain has signed for an App.
func issuedBy(ctx context.Context, domain *v1alpha1.Domain, secret, app string) error {
	c := &cmv1.Certificate{}
	if err := api.Get(ctx, client.ObjectKey{Namespace: domain.Namespace, Name: app}, c); err != nil {
		return err
	}
	issuer := "local-ca"
	if tls := domain.Spec.TLS; tls != nil {
		issuer = tls.IssuerRef.Name
	}
	if c.Spec.IssuerRef.Name != issuer || !exposure.IsIssued(c) || c.Spec.SecretName != secret {
		return fmt.Errorf("the certificate of %s (issued: %t) is in %s, and %s is served; want the issuer %s",
			c.Spec.IssuerRef.Name, exposure.IsIssued(c), c.Spec.SecretName, secret, issuer)
	}
	return nil
}
