package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

const quotaWords = `pods "cm-acme-http-solver-x" is forbidden: exceeded quota: berth`

// hang plays cert-manager that renews a certificate and does not succeed, while the Certificate stays Ready.
func hang(t *testing.T, c *cmv1.Certificate, due, end time.Time) *acmev1.Challenge {
	t.Helper()
	challenge := newChallenge(t, newOrder(t, newRequest(t, c)))
	challenge.Status = acmev1.ChallengeStatus{State: acmev1.Pending, Reason: quotaWords}
	updateStatus(t, challenge)
	get(t, c)
	c.Status.RenewalTime, c.Status.NotAfter = new(metav1.NewTime(due)), new(metav1.NewTime(end))
	c.Status.Conditions = []cmv1.CertificateCondition{
		{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: c.Generation},
		{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, ObservedGeneration: c.Generation, Reason: "Renewing"},
	}
	updateStatus(t, c)
	return challenge
}

// holdPair makes the Secret that cert-manager has written hold another certificate.
func holdPair(t *testing.T, secret *corev1.Secret, want pairFor) {
	t.Helper()
	patch(t, secret, func(client.Object) {
		secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey] = newPair(t, want)
	})
}

// awaitCachedPair waits until the controllers know that a Secret holds a certificate which ends at a time.
func awaitCachedPair(t *testing.T, secret *corev1.Secret, end time.Time) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		var have corev1.Secret
		if err := cached.Get(ctx, key(secret), &have); err != nil {
			return err
		}
		if pair, err := exposure.KeptPair(&have); err != nil || !pair.Certificates.Leaf().NotAfter.Equal(end) {
			return errNotYet
		}
		return nil
	})
}

// The user is warned once for each step when the renewal of an issuer's certificate is overdue, whatever cert-manager's Ready says, and the host fails
// once the certificate has ended.
func TestRenewalHangs(t *testing.T) {
	t.Parallel()
	begin := time.Now().Truncate(time.Second).Add(-time.Hour)
	cases := map[string]struct {
		lifetime, renewAt time.Duration
		// overdue is when the warning comes, after the renewal is due.
		overdue time.Duration
		want    []string
	}{
		"of a year": {365 * exposure.Day, 245 * exposure.Day, 10 * time.Minute, []string{
			v1alpha1.ReasonRenewalOverdue, v1alpha1.ReasonExpiresWithin30Days, v1alpha1.ReasonExpiresWithin7Days,
			v1alpha1.ReasonExpiresWithin1Day, v1alpha1.ReasonExpired, v1alpha1.ReasonExpired,
		}},
		"of 90 days": {90 * exposure.Day, 60 * exposure.Day, 10 * time.Minute, []string{
			v1alpha1.ReasonExpiresWithin30Days, v1alpha1.ReasonExpiresWithin7Days,
			v1alpha1.ReasonExpiresWithin1Day, v1alpha1.ReasonExpired, v1alpha1.ReasonExpired,
		}},
		"of an hour and a half": {90 * time.Minute, time.Hour, 10 * time.Minute, []string{
			v1alpha1.ReasonExpiresWithin1Day, v1alpha1.ReasonExpired, v1alpha1.ReasonExpired,
		}},
		"of three minutes": {3 * time.Minute, 2 * time.Minute, 20 * time.Second, []string{
			v1alpha1.ReasonExpiresWithin1Day, v1alpha1.ReasonExpired, v1alpha1.ReasonExpired,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := organization(t)
			domain := newServedDomain(t, ns)
			due, end := begin.Add(tc.renewAt), begin.Add(tc.lifetime)
			secret := tlsSecret(domain)
			holdPair(t, secret, pairFor{host: domain.Spec.Host, notBefore: begin, notAfter: end})
			awaitCachedPair(t, secret, end)
			c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")}
			get(t, c)
			hang(t, c, due, end)
			quiesce(t, ns)
			get(t, domain)
			recorder := events.NewFakeRecorder(40)
			look := func(at time.Time) time.Duration {
				t.Helper()
				b := testBase(t, testclock.NewFakePassiveClock(at))
				b.Recorder = recorder
				return reconcileAside(t, b, domain).RequeueAfter
			}

			look(begin.Add(time.Second)) // Whatever the real time had the controllers say before.
			for range len(recorder.Events) {
				<-recorder.Events
			}
			if got, want := look(due.Add(-time.Second)), tc.overdue+time.Second; got != want {
				t.Errorf("before the renewal: looks again after %s, want %s", got, want)
			}
			has(t, domain, map[string]condition{
				v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertificateExpiring: failing(v1alpha1.ReasonSucceeded),
			})
			var got []string
			at := due.Add(tc.overdue)
			for !at.After(end) {
				next := look(at)
				has(t, domain, map[string]condition{v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertificateReady: succeeded})
				if words := message(domain, v1alpha1.ConditionCertificateExpiring); !strings.Contains(words, quotaWords) {
					t.Errorf("message %q, want it to name the cause", words)
				}
				if again := look(at); again != next {
					t.Errorf("the second look at %s is followed by one after %s, want %s", at, again, next)
				}
				if next <= 0 {
					t.Fatalf("no look follows the one at %s", at)
				}
				at = at.Add(next)
			}
			look(at)
			has(t, domain, map[string]condition{
				v1alpha1.ConditionReady: failing(v1alpha1.ReasonExpired), v1alpha1.ConditionStalled: {"True", v1alpha1.ReasonExpired},
				v1alpha1.ConditionCertificateReady:    failing(v1alpha1.ReasonExpired),
				v1alpha1.ConditionCertificateExpiring: {"True", v1alpha1.ReasonExpired},
			})
			if words := message(domain, v1alpha1.ConditionReady); !strings.Contains(words, quotaWords) {
				t.Errorf("message %q, want it to name the cause", words)
			}
			look(at.Add(time.Hour))
			for range len(recorder.Events) {
				kind, _, _ := strings.Cut(strings.TrimPrefix(<-recorder.Events, "Warning "), " ")
				got = append(got, kind)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// The controllers that run tell of a renewal that hangs, of an App's default host as of a Domain's, and that all is well again after it.
func TestHangingRenewalIsTold(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	domain := newDomain(t, ns, "www."+ns+".example.com", app.Name)
	certify(t, ns, domain.Name+".domain")
	mirror := newDomain(t, ns, app.Name+"."+baseDomain, app.Name)
	expect(t, domain, status.CurrentStatus, ready)
	expect(t, mirror, status.CurrentStatus, ready)
	hosts := []struct {
		certificate, host string
		secret            *corev1.Secret
		told              []hasConditions
	}{
		{domain.Name + ".domain", domain.Spec.Host, tlsSecret(domain), []hasConditions{domain}},
		{app.Name, mirror.Spec.Host, tlsSecret(app), []hasConditions{app, mirror}},
	}
	for _, of := range hosts {
		begin, end := time.Now().Add(-70*exposure.Day).Truncate(time.Second), time.Now().Add(20*exposure.Day).Truncate(time.Second)
		holdPair(t, of.secret, pairFor{host: of.host, notBefore: begin, notAfter: end})
		c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, of.certificate)}
		get(t, c)
		challenge := hang(t, c, begin.Add(60*exposure.Day), end)
		for _, o := range of.told {
			expect(t, o, status.CurrentStatus, map[string]condition{
				v1alpha1.ConditionCertificateReady:    succeeded,
				v1alpha1.ConditionCertificateExpiring: {"True", v1alpha1.ReasonExpiresWithin30Days},
			})
			saysOf(t, o, v1alpha1.ConditionCertificateExpiring, quotaWords)
		}
		challenge.Status.Reason = "Waiting for HTTP-01 challenge propagation: no such host"
		updateStatus(t, challenge)
		saysOf(t, of.told[0], v1alpha1.ConditionCertificateExpiring, "no such host")

		holdPair(t, of.secret, pairFor{host: of.host, notBefore: begin, notAfter: time.Now().Add(-time.Minute)})
		for _, o := range of.told {
			expect(t, o, status.FailedStatus, map[string]condition{
				v1alpha1.ConditionCertificateReady:    failing(v1alpha1.ReasonExpired),
				v1alpha1.ConditionStalled:             {"True", v1alpha1.ReasonExpired},
				v1alpha1.ConditionCertificateExpiring: {"True", v1alpha1.ReasonExpired},
			})
			says(t, o, "no such host")
		}

		holdPair(t, of.secret, pairFor{host: of.host})
		get(t, c)
		c.Status.RenewalTime = new(metav1.NewTime(time.Now().Add(60 * exposure.Day)))
		c.Status.Conditions = c.Status.Conditions[:1]
		updateStatus(t, c)
		for _, o := range of.told {
			expect(t, o, status.CurrentStatus, map[string]condition{
				v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertificateExpiring: failing(v1alpha1.ReasonSucceeded),
			})
		}
	}
	quiesce(t, ns)
}

// saysOf waits until the message of a condition contains some words.
func saysOf(t *testing.T, o hasConditions, conditionType, words string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(o), o); err != nil {
			return err
		}
		if got := message(o, conditionType); !strings.Contains(got, words) {
			return fmt.Errorf("message %q, want it to contain %q", got, words)
		}
		return nil
	})
}

// The default host of an App is looked at again at the same times.
func TestRenewalOfADefaultHostHangs(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	app := running(t, ns)
	begin := time.Now().Truncate(time.Second).Add(-time.Hour)
	due, end := begin.Add(60*exposure.Day), begin.Add(90*exposure.Day)
	holdPair(t, tlsSecret(app), pairFor{host: app.Name + "." + baseDomain, notBefore: begin, notAfter: end})
	awaitCachedPair(t, tlsSecret(app), end)
	c := &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, app.Name)}
	get(t, c)
	hang(t, c, due, end)
	quiesce(t, ns)
	get(t, app)
	steps := []struct {
		at       time.Time
		expiring condition
		next     time.Duration
	}{
		{due.Add(-exposure.Day), failing(v1alpha1.ReasonSucceeded), exposure.Day + 10*time.Minute},
		{due.Add(11 * time.Minute), condition{"True", v1alpha1.ReasonExpiresWithin30Days}, 23*exposure.Day - 11*time.Minute},
		{end.Add(-time.Hour), condition{"True", v1alpha1.ReasonExpiresWithin1Day}, time.Hour},
	}
	for _, step := range steps {
		got := reconcileAppAside(t, testBase(t, testclock.NewFakePassiveClock(step.at)), app)
		has(t, app, map[string]condition{v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertificateExpiring: step.expiring})
		if got.RequeueAfter != step.next {
			t.Errorf("at %s: looks again after %s, want %s", step.at, got.RequeueAfter, step.next)
		}
	}
	reconcileAppAside(t, testBase(t, testclock.NewFakePassiveClock(end.Add(time.Second))), app)
	has(t, app, map[string]condition{
		v1alpha1.ConditionReady: failing(v1alpha1.ReasonExpired), v1alpha1.ConditionStalled: {"True", v1alpha1.ReasonExpired},
	})
}

// A certificate that has ended is told also while another one may not be requested yet.
func TestExpiredWhileThrottled(t *testing.T) {
	t.Parallel()
	ns := organization(t, func(s *v1alpha1.OrganizationSpec) {
		s.Trusted, s.Limits = nil, &v1alpha1.OrganizationLimits{NewCertificatesPerDay: new(int32(2))}
	})
	domain := newServedDomain(t, ns)
	holdPair(t, tlsSecret(domain), pairFor{host: domain.Spec.Host, notBefore: time.Now().Add(-exposure.Day), notAfter: time.Now().Add(-time.Minute)})
	remove(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(ns, domain.Name+".domain")})
	expect(t, domain, status.FailedStatus, map[string]condition{v1alpha1.ConditionCertificateReady: failing(v1alpha1.ReasonExpired)})
	says(t, domain, "has used up its budget")
}
