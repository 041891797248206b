package controllers

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// The user is warned of the end of a custom certificate once for each step, and looked at again when the next one comes. It is served
// to the end and beyond.
func TestCustomCertificateExpires(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	end := time.Now().Truncate(time.Second).Add(40 * day)
	domain, _ := newCustomDomain(t, ns, func(p *pairFor) { p.notAfter = end })
	quiesce(t, ns)
	recorder := events.NewFakeRecorder(20)
	steps := []struct {
		left   time.Duration
		reason string
		next   time.Duration
	}{
		{31 * day, v1alpha1.ReasonSucceeded, 1 * day},
		{30 * day, v1alpha1.ReasonExpiresWithin30Days, 23 * day},
		{29 * day, v1alpha1.ReasonExpiresWithin30Days, 22 * day},
		{7 * day, v1alpha1.ReasonExpiresWithin7Days, 6 * day},
		{1 * day, v1alpha1.ReasonExpiresWithin1Day, 1 * day},
		{time.Hour, v1alpha1.ReasonExpiresWithin1Day, time.Hour},
	}
	for _, step := range steps {
		b := testBase(t, testclock.NewFakePassiveClock(end.Add(-step.left)))
		b.recorder = recorder
		got := reconcileBy(t, b, domain)
		want := condition{metav1.ConditionTrue, step.reason}
		if step.reason == v1alpha1.ReasonSucceeded {
			want.Status = metav1.ConditionFalse
		}
		expect(t, domain, status.CurrentStatus, map[string]condition{
			v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertified: succeeded, v1alpha1.ConditionCertificateExpiring: want,
		})
		if got.RequeueAfter != step.next {
			t.Errorf("%s before the end: looks again after %s, want %s", step.left, got.RequeueAfter, step.next)
		}
	}

	b := testBase(t, testclock.NewFakePassiveClock(end.Add(time.Second)))
	b.recorder = recorder
	reconcileBy(t, b, domain)
	expired := map[string]condition{v1alpha1.ConditionCertificateExpiring: {"True", v1alpha1.ReasonExpired}}
	maps.Copy(expired, certificateInvalid)
	expect(t, domain, status.FailedStatus, expired)
	says(t, domain, "expired on")
	awaitServed(t, ns, domain.Name+".domain", domain.Name+".domain-custom")
	if c := domain.Status.Certificate; c == nil || c.Type != v1alpha1.CertificateCustom || !c.NotAfter.Time.Equal(end) {
		t.Errorf("status.certificate = %+v, want the one that ended", c)
	}

	var got []string
	for range len(recorder.Events) {
		kind, _, _ := strings.Cut(strings.TrimPrefix(<-recorder.Events, "Warning "), " ")
		got = append(got, kind)
	}
	want := []string{
		v1alpha1.ReasonExpiresWithin30Days, v1alpha1.ReasonExpiresWithin7Days, v1alpha1.ReasonExpiresWithin1Day,
		v1alpha1.ReasonCertificateInvalid, v1alpha1.ReasonExpired,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// Nobody is warned of the end of an issuer's certificate.
func TestIssuedCertificateExpires(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	quiesce(t, ns)
	reconcileDomain(t, domain, testclock.NewFakePassiveClock(time.Now().Add(89*day)))
	expect(t, domain, status.CurrentStatus, ready)
}

// A certificate that isn't valid yet is looked at again when it is.
func TestCustomCertificateBecomesValid(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	domain := newServedDomain(t, ns)
	begin := time.Now().Truncate(time.Second).Add(3 * time.Hour)
	source := newCertificateSecret(t, ns, "bought", pairFor{host: domain.Spec.Host, notBefore: begin})
	wantCustom(t, domain, source.Name)
	expect(t, domain, status.FailedStatus, certificateInvalid)
	got := reconcileDomain(t, domain, testclock.NewFakePassiveClock(begin.Add(-time.Hour)))
	if want := time.Hour + time.Second; got.RequeueAfter != want {
		t.Errorf("looks again after %s, want %s", got.RequeueAfter, want)
	}
	reconcileDomain(t, domain, testclock.NewFakePassiveClock(begin.Add(got.RequeueAfter-time.Hour)))
	awaitCopy(t, domain, source)
}
