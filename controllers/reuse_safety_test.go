package controllers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What cert-manager would replace, what is not for the host alone, and what somebody has or has planted, is not used again.
func TestCertificateIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	host := func(c certified) string { return c.claim.Name }
	pair := func(change func(*pairFor)) func(*testing.T, certified) {
		return func(t *testing.T, c certified) {
			t.Helper()
			want := pairFor{host: host(c), common: host(c)}
			change(&want)
			holdPair(t, c.secret, want)
		}
	}
	meta := func(change func(c certified)) func(*testing.T, certified) {
		return func(t *testing.T, c certified) {
			t.Helper()
			patch(t, c.secret, func(client.Object) { change(c) })
		}
	}
	cases := map[string]func(t *testing.T, c certified){
		"due": pair(func(p *pairFor) {
			p.notBefore, p.notAfter = time.Now().Add(-61*exposure.Day), time.Now().Add(29*exposure.Day)
		}),
		"expired": pair(func(p *pairFor) {
			p.notBefore, p.notAfter = time.Now().Add(-2*exposure.Day), time.Now().Add(-exposure.Day)
		}),
		"not yet":          pair(func(p *pairFor) { p.notBefore = time.Now().Add(exposure.Day) }),
		"another host":     pair(func(p *pairFor) { p.host, p.common = "www.victim.example", "www.victim.example" }),
		"another host too": pair(func(p *pairFor) { p.names = []string{"www.victim.example"} }),
		"wildcard":         pair(func(p *pairFor) { p.names = []string{"*." + baseDomain} }),
		"common name":      pair(func(p *pairFor) { p.common = "www.victim.example" }),
		"another kind of key": func(t *testing.T, c certified) {
			t.Helper()
			larger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			holdPair(t, c.secret, pairFor{host: host(c), common: host(c), key: larger})
		},
		"key of another": func(t *testing.T, c certified) {
			t.Helper()
			_, other := newPair(t, pairFor{host: host(c)})
			patch(t, c.secret, func(client.Object) { c.secret.Data[corev1.TLSPrivateKeyKey] = other })
		},
		"no key":              meta(func(c certified) { c.secret.Data[corev1.TLSPrivateKeyKey] = []byte("nothing") }),
		"another issuer":      meta(func(c certified) { c.secret.Annotations[cmv1.IssuerNameAnnotationKey] = "other" }),
		"another issuer kind": meta(func(c certified) { c.secret.Annotations[cmv1.IssuerKindAnnotationKey] = "Issuer" }),
		"no issuer":           meta(func(c certified) { delete(c.secret.Annotations, cmv1.IssuerNameAnnotationKey) }),
		"no claim":            meta(func(c certified) { c.secret.OwnerReferences = c.secret.OwnerReferences[:1] }),
		"another claim": meta(func(c certified) {
			exposure.ClaimRef(c.secret).UID = "6f1e6b0e-0000-4000-8000-000000000000"
		}),
		"not Berth's": meta(func(c certified) { c.secret.Labels[resources.LabelManagedBy] = "Helm" }),
		"of a live Domain": func(t *testing.T, c certified) {
			t.Helper()
			live := newDomain(t, c.owner.GetNamespace(), "live."+host(c), "none")
			patch(t, c.secret, func(client.Object) {
				c.secret.OwnerReferences = []metav1.OwnerReference{
					*metav1.NewControllerRef(live, v1alpha1.GroupVersion.WithKind("Domain")), *exposure.ClaimRef(c.secret),
				}
			})
		},
		"written by an orphan": func(t *testing.T, c certified) {
			t.Helper()
			orphan := &cmv1.Certificate{ObjectMeta: testobjects.Named(c.owner.GetNamespace(), "orphan"), Spec: cmv1.CertificateSpec{
				SecretName: c.secret.Name, IssuerRef: testIssuer, DNSNames: []string{host(c)},
			}}
			create(t, orphan)
			patch(t, c.secret, func(client.Object) { c.secret.Annotations[cmv1.CertificateNameKey] = orphan.Name })
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := budgeted(t, 10, 50)
			c := newCertified(t, ns, "Domain")
			quiesce(t, ns)
			remove(t, c.owner)
			eventually(t, func(ctx context.Context) error {
				if err := cached.Get(ctx, key(c.owner), c.owner); !apierrors.IsNotFound(err) {
					return errNotYet
				}
				return nil
			})
			quiesce(t, ns)
			remove(t, c.certificate)
			change(t, c)
			quiesce(t, ns)
			owner := c.again(t, "again")
			eventually(t, func(ctx context.Context) error {
				return api.Get(ctx, client.ObjectKey{Namespace: ns, Name: "again.domain"}, &cmv1.Certificate{})
			})
			absent(t, tlsSecret(owner))
			awaitRequests(t, c.claim, 2)
		})
	}
}

// A certificate never reaches another organization: it is deleted when the host does.
func TestKeptCertificateStaysInItsOrganization(t *testing.T) {
	t.Parallel()
	ns, other := budgeted(t, 10, 50), budgeted(t, 10, 50)
	c := newCertified(t, ns, "Domain")
	quiesce(t, ns)
	remove(t, c.owner)
	c.abandon(t)
	awaitClaim(t, c.claim, func(s v1alpha1.HostClaimSpec) bool { return s.Holder == nil })
	quiesce(t, ns)
	get(t, c.secret)
	patch(t, c.claim, func(client.Object) { c.claim.Spec.Organization = other })
	awaitAbsent(t, c.secret)
	awaitAnnounced(t, ns, "Normal KeptCertificateDeleted")

	remove(t, routeOf(c.owner)) // As the garbage collector does.
	domain := newDomain(t, other, c.claim.Name, newApp(t, other).Name)
	eventually(t, func(ctx context.Context) error {
		return api.Get(ctx, client.ObjectKey{Namespace: other, Name: domain.Name + ".domain"}, &cmv1.Certificate{})
	})
	absent(t, tlsSecret(domain))
}

// An earlier version gave the Secret one owner. Neither that, nor that an administrator deletes the claim of a host that is served, costs a certificate.
func TestClaimOfAServedCertificateChanges(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	claim, secret := existingClaim(t, domain.Spec.Host), tlsSecret(domain)
	certificate := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")}
	awaitKeptFor(t, secret, domain, claim)
	get(t, certificate)
	before := secret.DeepCopy()

	former := resources.CertificateSecret(resources.DomainSite(domain, testOptions().withDefaults().platform()), nil)
	if err := api.Apply(t.Context(), former, client.FieldOwner(v1alpha1.FieldOwner)); err != nil {
		t.Fatal(err)
	}
	get(t, secret)
	if exposure.ClaimRef(secret) != nil {
		t.Fatal("the Secret has both owners though an earlier version has written it")
	}
	reconcileLater(t, domain, 0) // As an operator does that starts.
	awaitKeptFor(t, secret, domain, claim)

	first := claim.UID
	remove(t, claim)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(claim), claim); err != nil || claim.UID == first {
			return errNotYet
		}
		return nil
	})
	awaitKeptFor(t, secret, domain, claim)
	quiesce(t, ns)
	if err := holds(secret, before); err != nil || secret.UID != before.UID {
		t.Errorf("the Secret was replaced: %v", err)
	}
	unchanged(t, certificate)
}
