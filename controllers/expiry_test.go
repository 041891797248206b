package controllers

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	appcontroller "github.com/berth-dev/berth/controllers/app"
	domaincontroller "github.com/berth-dev/berth/controllers/domain"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
)

// The user is warned of the end of a custom certificate once for each step, and looked at again when the next one comes. It is served
// to the end and beyond.
func TestCustomCertificateExpires(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	end := time.Now().Truncate(time.Second).Add(40 * exposure.Day)
	domain, _ := newCustomDomain(t, ns, func(p *pairFor) { p.notAfter = end })
	quiesce(t, ns)
	recorder := events.NewFakeRecorder(20)
	steps := []struct {
		left   time.Duration
		reason string
		next   time.Duration
	}{
		{31 * exposure.Day, v1alpha1.ReasonSucceeded, 1 * exposure.Day},
		{30 * exposure.Day, v1alpha1.ReasonExpiresWithin30Days, 23 * exposure.Day},
		{29 * exposure.Day, v1alpha1.ReasonExpiresWithin30Days, 22 * exposure.Day},
		{7 * exposure.Day, v1alpha1.ReasonExpiresWithin7Days, 6 * exposure.Day},
		{1 * exposure.Day, v1alpha1.ReasonExpiresWithin1Day, 1 * exposure.Day},
		{time.Hour, v1alpha1.ReasonExpiresWithin1Day, time.Hour},
	}
	for _, step := range steps {
		b := testBase(t, testclock.NewFakePassiveClock(end.Add(-step.left)))
		b.Recorder = recorder
		got := reconcileAside(t, b, domain)
		want := condition{metav1.ConditionTrue, step.reason}
		if step.reason == v1alpha1.ReasonSucceeded {
			want.Status = metav1.ConditionFalse
		}
		has(t, domain, map[string]condition{
			v1alpha1.ConditionReady: succeeded, v1alpha1.ConditionCertificateReady: succeeded, v1alpha1.ConditionCertificateExpiring: want,
		})
		if got.RequeueAfter != step.next {
			t.Errorf("%s before the end: looks again after %s, want %s", step.left, got.RequeueAfter, step.next)
		}
	}

	b := testBase(t, testclock.NewFakePassiveClock(end.Add(time.Second)))
	b.Recorder = recorder
	reconcileAside(t, b, domain)
	expired := map[string]condition{v1alpha1.ConditionCertificateExpiring: {"True", v1alpha1.ReasonExpired}}
	maps.Copy(expired, certificateInvalid)
	has(t, domain, expired)
	if got := message(domain, v1alpha1.ConditionReady); !strings.Contains(got, "expired on") {
		t.Errorf("message %q, want it to tell when the certificate expired", got)
	}
	awaitServed(t, domain, copyOf(domain).Name)
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

// reconcileAside reconciles a Domain, as the test has it, by a controller of the test's own, and leaves the status that this would write in it. If it
// were written, the controllers that run would set it right, since they know the time.
func reconcileAside(t *testing.T, b reconciler.Base, domain *v1alpha1.Domain) reconcile.Result {
	t.Helper()
	written := &v1alpha1.Domain{Status: domain.Status}
	b.Client = asideClient{b.Client, written}
	r := &domaincontroller.Reconciler{Exposures: exposure.New(b)}
	result, err := r.Reconcile(t.Context(), domain)
	if err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	domain.Status = written.Status
	return result
}

// reconcileAppAside does the same with an App.
func reconcileAppAside(t *testing.T, b reconciler.Base, app *v1alpha1.App) reconcile.Result {
	t.Helper()
	written := &v1alpha1.App{Status: app.Status}
	b.Client = asideClient{b.Client, written}
	r := &appcontroller.Reconciler{Exposures: exposure.New(b)}
	result, err := r.Reconcile(t.Context(), app)
	if err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	app.Status = written.Status
	return result
}

// asideClient keeps the status that is written of an object, and writes none.
type asideClient struct {
	client.Client
	object client.Object
}

func (c asideClient) Status() client.SubResourceWriter {
	return asideStatus{c.Client.Status(), c.object}
}

type asideStatus struct {
	client.SubResourceWriter
	object client.Object
}

func (s asideStatus) Apply(ctx context.Context, want runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	if err := s.SubResourceWriter.Apply(ctx, want, append(opts, client.DryRunAll)...); err != nil {
		return err
	}
	after, err := json.Marshal(want)
	if err != nil {
		return err
	}
	switch o := s.object.(type) {
	case *v1alpha1.Domain:
		o.Status = v1alpha1.DomainStatus{}
	case *v1alpha1.App:
		o.Status = v1alpha1.AppStatus{}
	}
	return json.Unmarshal(after, s.object)
}

// has says that an object, as the test has it, has these conditions.
func has(t *testing.T, o hasConditions, want map[string]condition) {
	t.Helper()
	for name, want := range want {
		c := meta.FindStatusCondition(o.GetConditions(), name)
		if c == nil || (condition{c.Status, c.Reason}) != want {
			t.Errorf("condition %s: %+v, want %+v", name, c, want)
		}
	}
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
