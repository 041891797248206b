package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/certificate"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// guard looks, until the test ends, that the Ingress of an App or a Domain always names a Secret with a certificate for its host.
func guard(t *testing.T, owner client.Object) {
	t.Helper()
	route := key(routeOf(owner))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			err := serves(ctx, route)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.Errorf("a moment without certificate: %v", err)
				return
			}
			time.Sleep(testenv.Poll)
		}
	})
}

// serves says what is wrong with the certificate that an Ingress serves.
func serves(ctx context.Context, route client.ObjectKey) error {
	for {
		before, after := &networkingv1.Ingress{}, &networkingv1.Ingress{}
		if err := api.Get(ctx, route, before); err != nil {
			return err
		}
		secret, err := servedSecret(ctx, before)
		if err := errors.Join(api.Get(ctx, key(before), after), ctx.Err()); err != nil {
			return err
		}
		if before.ResourceVersion != after.ResourceVersion {
			continue // The Secret may not be the one that it names now.
		}
		if err != nil {
			return err
		}
		chain, err := certificate.ParseChain(secret.Data[corev1.TLSCertKey])
		if err != nil {
			return err
		}
		if host := before.Spec.TLS[0].Hosts[0]; !chain.Serves(host, time.Now()) {
			return fmt.Errorf("the certificate in Secret %s is not good for %s", secret.Name, host)
		}
		return nil
	}
}

// servedSecret reads the Secret that an Ingress names.
func servedSecret(ctx context.Context, ingress *networkingv1.Ingress) (*corev1.Secret, error) {
	secret := &corev1.Secret{ObjectMeta: testobjects.Named(ingress.Namespace, ingress.Spec.TLS[0].SecretName)}
	return secret, api.Get(ctx, key(secret), secret)
}

// awaitServed waits until the Ingress of an App or a Domain names a Secret.
func awaitServed(t *testing.T, owner client.Object, secret string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		ingress := routeOf(owner)
		if err := api.Get(ctx, key(ingress), ingress); err != nil {
			return err
		}
		if got := ingress.Spec.TLS[0].SecretName; got != secret {
			return fmt.Errorf("the Ingress names Secret %s, want %s", got, secret)
		}
		return nil
	})
}
