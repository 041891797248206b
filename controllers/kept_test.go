package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/controllers/secretgc"
)

// keptCertificate returns what is kept of a certificate that was issued for the host of a claim.
func keptCertificate(t *testing.T, ns, name string, claim *v1alpha1.HostClaim, want pairFor) *corev1.Secret {
	t.Helper()
	from := &corev1.Secret{ObjectMeta: testobjects.Named(ns, "from")}
	from.Annotations = issuedAnnotations(&cmv1.Certificate{Spec: cmv1.CertificateSpec{IssuerRef: testIssuer}})
	chain, key := newPair(t, want)
	from.Data = map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: key}
	secret := resources.KeptSecret(claim, from)
	secret.Name = name
	return secret
}

// A kept certificate goes when it cannot be used again, which is told, and not before.
func TestKeptCertificateGoes(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	claim := newHeldClaim(t, ns)
	host := claim.Name
	cases := map[string]struct {
		pair   pairFor
		change func(*corev1.Secret)
		kept   bool
	}{
		"usable":       {pair: pairFor{host: host, common: host}, kept: true},
		"due":          {pair: pairFor{host: host, common: host, notBefore: time.Now().Add(-61 * exposure.Day), notAfter: time.Now().Add(29 * exposure.Day)}},
		"another-host": {pair: pairFor{host: "other." + host, common: "other." + host}},
		"unreadable": {pair: pairFor{host: host, common: host}, change: func(s *corev1.Secret) {
			s.Data[corev1.TLSCertKey] = []byte("not a certificate")
		}},
		"former-claim": {pair: pairFor{host: host, common: host}, change: func(s *corev1.Secret) {
			s.OwnerReferences[0].UID = "6f1e6b0e-0000-4000-8000-000000000000"
		}},
		"no-claim": {pair: pairFor{host: host, common: host}, change: func(s *corev1.Secret) {
			s.OwnerReferences[0].Name = "nothing." + host
		}},
		"users": {pair: pairFor{host: host, common: host}, kept: true, change: func(s *corev1.Secret) {
			delete(s.Labels, resources.LabelManagedBy)
			s.OwnerReferences[0].Name = "nothing." + host
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := keptCertificate(t, ns, name, claim, tc.pair)
			if tc.change != nil {
				tc.change(secret)
			}
			create(t, secret)
			if !tc.kept {
				awaitAbsent(t, secret)
				awaitAnnounced(t, ns, "Normal KeptCertificateDeleted")
				return
			}
			eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(secret), &corev1.Secret{}) })
			now := time.Now()
			r := &secretgc.Reconciler{Exposures: exposure.New(testBase(t, testclock.NewFakePassiveClock(now)))}
			var have corev1.Secret
			if err := cached.Get(t.Context(), key(secret), &have); err != nil {
				t.Fatal(err)
			}
			result, err := r.Reconcile(t.Context(), have.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			unchanged(t, secret)
			if name != "usable" {
				return
			}
			if result.RequeueAfter <= 59*exposure.Day || result.RequeueAfter >= 61*exposure.Day {
				t.Errorf("it is looked at again after %s, want it to be when it is due for renewal", result.RequeueAfter)
			}
			r.Clock = testclock.NewFakePassiveClock(now.Add(result.RequeueAfter))
			if _, err := r.Reconcile(t.Context(), &have); err != nil {
				t.Fatal(err)
			}
			awaitAbsent(t, secret)
		})
	}
}

// newHeldClaim makes the claim of a host that is held for an organization, which the operator knows of.
func newHeldClaim(t *testing.T, ns string) *v1alpha1.HostClaim {
	t.Helper()
	claim := claimFor("www."+ns+".example.com", ns, "", heldFor(time.Hour))
	create(t, claim)
	eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(claim), &v1alpha1.HostClaim{}) })
	return claim
}

// An administrator who frees a host takes its kept certificate along.
func TestKeptCertificateGoesWithTheClaim(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	claim := newHeldClaim(t, ns)
	secret := keptCertificate(t, ns, "kept", claim, pairFor{host: claim.Name, common: claim.Name})
	create(t, secret)
	quiesce(t, ns)
	unchanged(t, secret)
	remove(t, claim)
	awaitAbsent(t, secret)
}

// No more certificates are kept for an organization than the limit: those that end first go.
func TestKeptCertificatesAreBounded(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	claim := newHeldClaim(t, ns)
	var all []*corev1.Secret
	const kept = 20
	for i := range kept + 2 {
		end := time.Now().Add(time.Duration(90-i) * exposure.Day)
		secret := keptCertificate(t, ns, fmt.Sprintf("kept-%d", i), claim, pairFor{host: claim.Name, common: claim.Name, notAfter: end})
		create(t, secret)
		all = append(all, secret)
	}
	awaitAbsent(t, all[kept])
	awaitAbsent(t, all[kept+1])
	quiesce(t, ns)
	for _, secret := range all[:kept] {
		unchanged(t, secret)
	}
	awaitAnnounced(t, ns, "Normal KeptCertificateDeleted")
}

// A user's Secret that has the name of a kept one is neither changed nor served, and does not stop a reconcile.
func TestPlantedSecretIsNotKept(t *testing.T) {
	t.Parallel()
	ns := budgeted(t, 10, 50)
	c := newCertified(t, ns, "Domain")
	ref := c.certificate.Spec.IssuerRef
	planted := keptCertificate(t, ns, "", c.claim, pairFor{host: c.claim.Name, common: c.claim.Name})
	planted.Name = resources.KeptSecret(c.claim, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: issuedAnnotations(c.certificate)}}).Name
	planted.Labels, planted.OwnerReferences = nil, nil
	create(t, planted)
	domain := c.domain(t)
	patch(t, domain, func(client.Object) {
		domain.Spec.TLS = &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other"}}
	})
	awaitIssuer(t, ns, c.certificate.Name, "other")
	unchanged(t, planted)
	c.reissue(t)
	patch(t, domain, func(client.Object) { domain.Spec.TLS = nil })
	awaitIssuer(t, ns, c.certificate.Name, ref.Name)
	get(t, c.secret)
	if holds(c.secret, planted) == nil {
		t.Error("a planted certificate is served")
	}
	if err := api.Get(t.Context(), key(planted), &corev1.Secret{}); apierrors.IsNotFound(err) {
		t.Error("a Secret of a user was deleted")
	}
}
