package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

// What became of the Secret or the Certificate is told by what is served, not by the Certificate's Ready.
func TestServedCertificateIsJudgedByItself(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(t *testing.T, domain *v1alpha1.Domain, secret *corev1.Secret, c *cmv1.Certificate)
		// later is how much later the test looks.
		later     time.Duration
		certified condition
		expiring  condition
		words     string
	}{
		"Secret emptied": {
			change: func(t *testing.T, _ *v1alpha1.Domain, secret *corev1.Secret, _ *cmv1.Certificate) {
				t.Helper()
				patch(t, secret, func(client.Object) {
					secret.Data = map[string][]byte{corev1.TLSCertKey: {}, corev1.TLSPrivateKeyKey: {}}
				})
			},
			certified: working, expiring: failing(v1alpha1.ReasonSucceeded), words: "does not hold a certificate",
		},
		"Secret deleted": {
			change: func(t *testing.T, _ *v1alpha1.Domain, secret *corev1.Secret, _ *cmv1.Certificate) {
				t.Helper()
				remove(t, secret)
			},
			certified: working, expiring: failing(v1alpha1.ReasonSucceeded), words: "does not hold a certificate",
		},
		"another host's certificate": {
			change: func(t *testing.T, _ *v1alpha1.Domain, secret *corev1.Secret, _ *cmv1.Certificate) {
				t.Helper()
				holdPair(t, secret, pairFor{host: "foreign.example.net"})
			},
			certified: working, expiring: failing(v1alpha1.ReasonSucceeded), words: "does not hold a certificate",
		},
		"certificate of tomorrow": {
			change: func(t *testing.T, domain *v1alpha1.Domain, secret *corev1.Secret, _ *cmv1.Certificate) {
				t.Helper()
				holdPair(t, secret, pairFor{host: domain.Spec.Host, notBefore: time.Now().Add(exposure.Day)})
			},
			certified: working, expiring: failing(v1alpha1.ReasonSucceeded), words: "not valid before",
		},
		"expired certificate": {
			change: func(t *testing.T, domain *v1alpha1.Domain, secret *corev1.Secret, _ *cmv1.Certificate) {
				t.Helper()
				holdPair(t, secret, pairFor{host: domain.Spec.Host, notBefore: time.Now().Add(-exposure.Day), notAfter: time.Now().Add(-time.Minute)})
			},
			certified: failing(v1alpha1.ReasonExpired), expiring: condition{"True", v1alpha1.ReasonExpired}, words: "was not renewed",
		},
		"Certificate made again, with nothing to issue it": {
			change: func(t *testing.T, _ *v1alpha1.Domain, _ *corev1.Secret, c *cmv1.Certificate) {
				t.Helper()
				remove(t, c)
				eventually(t, func(ctx context.Context) error {
					var again cmv1.Certificate
					if err := cached.Get(ctx, key(c), &again); err != nil || again.UID == c.UID {
						return errNotYet
					}
					return nil
				})
			},
			later: 100 * exposure.Day, certified: failing(v1alpha1.ReasonExpired), expiring: condition{"True", v1alpha1.ReasonExpired}, words: "being issued",
		},
		"the last attempt failed": {
			change: func(t *testing.T, _ *v1alpha1.Domain, _ *corev1.Secret, c *cmv1.Certificate) {
				t.Helper()
				due := time.Now().Add(60 * exposure.Day)
				hang(t, c, due, time.Now().Add(90*exposure.Day))
				c.Status.LastFailureTime = new(metav1.NewTime(due.Add(time.Minute)))
				c.Status.Conditions[1].Status, c.Status.Conditions[1].Message = cmmeta.ConditionFalse, "it failed"
				updateStatus(t, c)
			},
			later: 60*exposure.Day + 2*time.Minute, certified: succeeded, expiring: condition{"True", v1alpha1.ReasonExpiresWithin30Days},
			words: "No certificate was issued by the attempt of",
		},
		"cert-manager is away": {
			change: func(*testing.T, *v1alpha1.Domain, *corev1.Secret, *cmv1.Certificate) {},
			later:  61 * exposure.Day, certified: succeeded, expiring: condition{"True", v1alpha1.ReasonExpiresWithin30Days},
			words: "Check that cert-manager is running",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")}
			get(t, c)
			secret := tlsSecret(domain)
			get(t, secret)
			tc.change(t, domain, secret, c)
			quiesce(t, ns)
			get(t, domain)
			reconcileAside(t, testBase(t, testclock.NewFakePassiveClock(time.Now().Add(tc.later))), domain)
			has(t, domain, map[string]condition{
				v1alpha1.ConditionCertificateReady: tc.certified, v1alpha1.ConditionCertificateExpiring: tc.expiring,
			})
			words := message(domain, v1alpha1.ConditionCertificateReady) + message(domain, v1alpha1.ConditionCertificateExpiring)
			if !strings.Contains(words, tc.words) {
				t.Errorf("messages %q, want them to contain %q", words, tc.words)
			}
		})
	}
}
