package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// certified is an App or Domain with a certificate that was issued.
type certified struct {
	owner       client.Object
	claim       *v1alpha1.HostClaim
	certificate *cmv1.Certificate
	secret      *corev1.Secret
}

// newCertified makes an App or a Domain of an organization, whose Secret is kept by the claim of its host.
func newCertified(t *testing.T, ns, kind string) certified {
	t.Helper()
	app := newApp(t, ns)
	c := certified{owner: app, certificate: &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}, claim: existingClaim(t, app.Name+"."+baseDomain)}
	if kind == "Domain" {
		domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
		c.owner, c.claim = domain, existingClaim(t, domain.Spec.Host)
		c.certificate.Name = domain.Name + ".domain"
	}
	certify(t, ns, c.certificate.Name)
	get(t, c.certificate)
	c.secret = tlsSecret(c.owner)
	awaitKeptFor(t, c.secret, c.owner, c.claim)
	awaitRequests(t, c.claim, 1)
	return c
}

// awaitKeptFor waits until a Secret has both owners.
func awaitKeptFor(t *testing.T, secret *corev1.Secret, owner client.Object, claim *v1alpha1.HostClaim) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := errors.Join(api.Get(ctx, key(claim), claim), api.Get(ctx, key(secret), secret)); err != nil {
			return err
		}
		ref := exposure.ClaimRef(secret)
		if ref == nil || ref.UID != claim.UID || ref.Controller != nil || !metav1.IsControlledBy(secret, owner) || len(secret.OwnerReferences) != 2 {
			return errNotYet
		}
		return nil
	})
}

// abandon plays the garbage collector after the owner was deleted, which the tests have not.
func (c certified) abandon(t *testing.T) {
	t.Helper()
	remove(t, c.certificate)
	patch(t, c.secret, func(client.Object) {
		c.secret.OwnerReferences = slices.DeleteFunc(c.secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == c.owner.GetUID() })
	})
}

func (c certified) domain(t *testing.T) *v1alpha1.Domain {
	t.Helper()
	domain, ok := c.owner.(*v1alpha1.Domain)
	if !ok {
		t.Fatalf("%T is not a Domain", c.owner)
	}
	return domain
}

// again makes the App or Domain again.
func (c certified) again(t *testing.T, name string) client.Object {
	t.Helper()
	var again client.Object
	switch o := c.owner.(type) {
	case *v1alpha1.App:
		again = &v1alpha1.App{ObjectMeta: testobjects.Named(o.Namespace, name), Spec: o.Spec}
	case *v1alpha1.Domain:
		again = &v1alpha1.Domain{ObjectMeta: testobjects.Named(o.Namespace, name), Spec: o.Spec}
	}
	create(t, again)
	return again
}

// reissue plays cert-manager after the Certificate of a Domain has changed.
func (c certified) reissue(t *testing.T) {
	t.Helper()
	get(t, c.certificate)
	host := c.certificate.Spec.DNSNames[0]
	patch(t, c.secret, func(client.Object) {
		c.secret.Annotations = issuedAnnotations(c.certificate)
		c.secret.Data[corev1.TLSCertKey], c.secret.Data[corev1.TLSPrivateKeyKey] = newPair(t, pairFor{host: host, common: host})
	})
	reportReady(t, c.certificate)
	expect(t, c.domain(t), status.CurrentStatus, map[string]condition{v1alpha1.ConditionCertificateReady: succeeded})
}

// changed has a Domain use something else, and then what it had before.
func (c certified) changed(t *testing.T, to, back func(*v1alpha1.Domain)) {
	t.Helper()
	domain := c.domain(t)
	rollout(t, &v1alpha1.App{ObjectMeta: testobjects.Named(domain.Namespace, domain.Spec.AppRef.Name)}, "1", testobjects.PodReady())
	generation := c.certificate.Generation
	patch(t, domain, func(client.Object) { to(domain) })
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(c.certificate), c.certificate); err != nil || c.certificate.Generation == generation {
			return errNotYet
		}
		return nil
	})
	c.reissue(t)
	patch(t, domain, func(client.Object) { back(domain) })
}

// What was issued before is used again: no request is counted, and cert-manager finds it before it finds the Certificate.
func TestCertificateIsUsedAgain(t *testing.T) {
	t.Parallel()
	sameAgain := func(t *testing.T, c certified) client.Object {
		t.Helper()
		remove(t, c.owner)
		c.abandon(t)
		return c.again(t, c.owner.GetName())
	}
	cases := map[string]struct {
		kind  string
		again func(t *testing.T, c certified) client.Object
		// others is how many other certificates are requested for the same host.
		others int
	}{
		"App": {kind: "App", again: sameAgain},
		"App, before the garbage collector": {kind: "App", again: func(t *testing.T, c certified) client.Object {
			t.Helper()
			remove(t, c.owner)
			again := c.again(t, c.owner.GetName())
			eventually(t, func(ctx context.Context) error { return cached.Get(ctx, key(again), &v1alpha1.App{}) })
			quiesce(t, again.GetNamespace())
			remove(t, c.certificate)
			return again
		}},
		"Domain": {kind: "Domain", again: sameAgain},
		"Domain of another name, before the garbage collector": {kind: "Domain", again: func(t *testing.T, c certified) client.Object {
			t.Helper()
			remove(t, c.owner)
			again := c.again(t, "another")
			says(t, certified{owner: again}.domain(t), "about to be used again")
			remove(t, c.certificate)
			return again
		}},
		"host changed and back": {kind: "Domain", again: func(t *testing.T, c certified) client.Object {
			t.Helper()
			host := c.claim.Name
			c.changed(t, func(d *v1alpha1.Domain) { d.Spec.Host = "other." + host }, func(d *v1alpha1.Domain) { d.Spec.Host = host })
			return c.owner
		}},
		"issuer changed and back": {kind: "Domain", others: 1, again: func(t *testing.T, c certified) client.Object {
			t.Helper()
			other := &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "other"}}
			c.changed(t, func(d *v1alpha1.Domain) { d.Spec.TLS = other }, func(d *v1alpha1.Domain) { d.Spec.TLS = nil })
			return c.owner
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := budgeted(t, 10, 50)
			c := newCertified(t, ns, tc.kind)
			before := c.secret.DeepCopy()
			first := c.certificate.UID
			// A reconcile that has begun before would write what is about to go.
			quiesce(t, ns)
			owner := tc.again(t, c)
			certificate := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, owner.GetName())}
			if tc.kind == "Domain" {
				certificate.Name += ".domain"
			}
			eventually(t, func(ctx context.Context) error {
				if err := api.Get(ctx, key(certificate), certificate); err != nil || certificate.UID == first {
					return errNotYet
				}
				return nil
			})
			secret := tlsSecret(owner)
			awaitKeptFor(t, secret, owner, c.claim)
			if err := holds(secret, before); err != nil {
				t.Error(err)
			}
			if want := issuedAnnotations(certificate); !mapHolds(secret.Annotations, want) {
				t.Errorf("the Secret has the annotations %v, want %v", secret.Annotations, want)
			}
			if put := putAt(secret); !certificate.CreationTimestamp.After(put) {
				t.Errorf("the Certificate was created at %s and the Secret written at %s", certificate.CreationTimestamp, put)
			}
			quiesce(t, ns)
			if secret.Name != before.Name {
				absent(t, before)
			}
			awaitAnnounced(t, ns, "Normal CertificateReused")
			if got := requestedFor(t, c.claim); got != 1+tc.others {
				t.Errorf("%d requests are counted, want %d", got, 1+tc.others)
			}
		})
	}
}

func mapHolds(have, want map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return true
}

// putAt returns when Berth has last written a Secret otherwise than by an apply.
func putAt(secret *corev1.Secret) time.Time {
	var last time.Time
	for _, f := range secret.GetManagedFields() {
		if f.Manager == v1alpha1.FieldOwner && f.Operation == metav1.ManagedFieldsOperationUpdate {
			last = f.Time.Time
		}
	}
	return last
}
