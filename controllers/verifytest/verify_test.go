package verifytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/testing/testdns"
)

// The tests of this package have controllers of their own, one after the other.

// unproven is a Domain whose record is looked for and has a reason not to be right.
func unproven(reason string) map[string]condition {
	return map[string]condition{
		v1alpha1.ConditionReady:            failing(reason),
		v1alpha1.ConditionReconciling:      {metav1.ConditionTrue, reason},
		v1alpha1.ConditionStalled:          {metav1.ConditionFalse, reason},
		v1alpha1.ConditionVerified:         failing(reason),
		v1alpha1.ConditionRouteReady:       pending,
		v1alpha1.ConditionCertificateReady: pending,
	}
}

var (
	// served is a Domain that has proven whose its host is.
	served = map[string]condition{v1alpha1.ConditionVerified: succeeded, v1alpha1.ConditionRouteReady: succeeded}
	// lost is a Domain whose host another one has proven to own.
	lost = map[string]condition{
		v1alpha1.ConditionReady:      failing(v1alpha1.ReasonHostConflict),
		v1alpha1.ConditionVerified:   pending,
		v1alpha1.ConditionRouteReady: failing(v1alpha1.ReasonHostConflict),
	}
)

// challenge is the record that proves whose a host is.
func challenge(host string) string { return "_berth-challenge." + host }

// routes returns how many routes and Certificates a Domain has.
func routes(ctx context.Context, d *v1alpha1.Domain) (int, error) {
	found := 0
	for name, o := range map[string]client.Object{names.DomainRoute(d.Name, d.UID): &networkingv1.Ingress{}, d.Name + ".domain": &cmv1.Certificate{}} {
		err := api.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: name}, o)
		if err == nil {
			found++
		} else if !apierrors.IsNotFound(err) {
			return 0, err
		}
	}
	return found, nil
}

// awaitRoutes waits until a Domain has so many routes and Certificates.
func awaitRoutes(t *testing.T, d *v1alpha1.Domain, want int) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		got, err := routes(ctx, d)
		if err == nil && got != want {
			err = fmt.Errorf("there are %d routes and Certificates, want %d", got, want)
		}
		return err
	})
}

// wantsRecord says that a Domain shows the record that it waits for, and says what there is instead.
func wantsRecord(t *testing.T, d *v1alpha1.Domain, token, instead string) {
	t.Helper()
	want := &v1alpha1.DomainVerification{Name: challenge(d.Spec.Host), Type: "TXT", Value: token}
	if diff := cmp.Diff(want, d.Status.Verification); diff != "" {
		t.Errorf("verification (-want +got):\n%s", diff)
	}
	message := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady).Message
	for _, part := range []string{"Set the TXT record " + want.Name, token, instead} {
		if !strings.Contains(message, part) {
			t.Errorf("message %q, want it to contain %q", message, part)
		}
	}
	if d.Status.URL != "" || d.Status.VerifiedHost != "" {
		t.Errorf("the URL is %q and the verified host %q, want none", d.Status.URL, d.Status.VerifiedHost)
	}
	awaitRoutes(t, d, 0)
}

// A host is served once its record holds the token, and from then on whatever becomes of the record.
func TestProof(t *testing.T) {
	start(t, true)
	ns, token := organization(t)
	host := "www." + ns + ".example.org"
	d := newDomain(t, ns, host)
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonRecordNotFound))
	wantsRecord(t, d, token, "there is none yet")

	dns.Set(challenge(host), testdns.Text("v=other", `"odd"`))
	touch(t, d)
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonRecordMismatch))
	wantsRecord(t, d, token, `it is "\"odd\"", "v=other"`)

	dns.Set(challenge(host), testdns.Record{Code: dnsmessage.RCodeServerFailure})
	touch(t, d)
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonLookupFailed))
	wantsRecord(t, d, token, "Its lookup failed: the name servers can't be reached, or answer with an error.")

	dns.Set(challenge(host), testdns.Text("v=other", token))
	touch(t, d)
	expect(t, d, status.InProgressStatus, served)
	awaitRoutes(t, d, 2)
	if d.Status.VerifiedHost != host || d.Status.Verification != nil || d.Status.URL != "https://"+host {
		t.Errorf("the status is %+v", d.Status)
	}

	dns.Set(challenge(host), testdns.Text("v=other"))
	asked := dns.Asked(challenge(host))
	touch(t, d)
	expect(t, d, status.InProgressStatus, served)
	if got := dns.Asked(challenge(host)); got != asked {
		t.Errorf("a proven host was looked up %d times again", got-asked)
	}

	other := "shop." + ns + ".example.org"
	change(t, d, func() { d.Spec.Host = other })
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonRecordNotFound))
	wantsRecord(t, d, token, "there is none yet")
	change(t, d, func() { d.Spec.Host = host })
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonRecordMismatch))
}

// The record is found without anybody's doing anything else.
func TestRecordIsLookedUpAgain(t *testing.T) {
	start(t, true)
	ns, token := organization(t)
	host := "www." + ns + ".example.org"
	d := newDomain(t, ns, host)
	expect(t, d, status.InProgressStatus, unproven(v1alpha1.ReasonRecordNotFound))
	dns.Set(challenge(host), testdns.Text(token))
	expect(t, d, status.InProgressStatus, served)
}

// A Domain without proof keeps its host from nobody, however old it is, and doesn't get it once another has proven to own it.
func TestHostIsWhoseProofThereIs(t *testing.T) {
	start(t, true)
	ns, _ := organization(t)
	other, token := organization(t)
	host := "www." + ns + ".example.org"
	older := newDomain(t, ns, host)
	expect(t, older, status.InProgressStatus, unproven(v1alpha1.ReasonRecordNotFound))
	dns.Set(challenge(host), testdns.Text(token))
	younger := newDomain(t, other, host)
	expect(t, younger, status.InProgressStatus, served)
	awaitRoutes(t, younger, 2)
	expect(t, older, status.FailedStatus, lost)
	if older.Status.Verification != nil {
		t.Errorf("%+v is wanted of a host that another has proven to own", older.Status.Verification)
	}
	if err := api.Delete(t.Context(), younger); err != nil {
		t.Fatal(err)
	}
	// The garbage collector, which does not run here, removes its route, also one that the operator has created again before it knew that the Domain was
	// gone.
	eventually(t, func(ctx context.Context) error {
		if err := api.DeleteAllOf(ctx, &networkingv1.Ingress{}, client.InNamespace(other)); err != nil {
			return err
		}
		err := api.Get(ctx, client.ObjectKeyFromObject(older), older)
		if err == nil && meta.IsStatusConditionTrue(older.Status.Conditions, v1alpha1.ConditionStalled) {
			err = errors.New("the host is still another organization's")
		}
		return err
	})
	expect(t, older, status.InProgressStatus, unproven(v1alpha1.ReasonRecordMismatch))
}

// What was served before proof was asked for goes on being served, until somebody proves to own it.
func TestServedBefore(t *testing.T) {
	stop := start(t, false)
	ns, _ := organization(t)
	host := "www." + ns + ".example.org"
	d := newDomain(t, ns, host)
	expect(t, d, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionVerified); c != nil {
		t.Errorf("there is the condition %+v though no proof is asked for", c)
	}
	stop()

	start(t, true)
	touch(t, d)
	expect(t, d, status.InProgressStatus, map[string]condition{v1alpha1.ConditionVerified: servedBefore, v1alpha1.ConditionRouteReady: succeeded})
	if d.Status.Verification != nil || dns.Asked(challenge(host)) > 0 {
		t.Errorf("proof was asked for: %+v", d.Status.Verification)
	}
	other, token := organization(t)
	owner := newDomain(t, other, host)
	expect(t, owner, status.InProgressStatus, unproven(v1alpha1.ReasonRecordNotFound))
	touch(t, d)
	expect(t, d, status.InProgressStatus, map[string]condition{v1alpha1.ConditionVerified: servedBefore, v1alpha1.ConditionRouteReady: succeeded})
	dns.Set(challenge(host), testdns.Text(token))
	touch(t, owner)
	expect(t, owner, status.InProgressStatus, served)
	awaitRoutes(t, owner, 2)
	expect(t, d, status.FailedStatus, lost)
	awaitRoutes(t, d, 0)
}

// A Domain that was restored without its status proves its host again.
func TestRestored(t *testing.T) {
	start(t, true)
	ns, token := organization(t)
	host := "www." + ns + ".example.org"
	dns.Set(challenge(host), testdns.Text(token))
	d := newDomain(t, ns, host)
	expect(t, d, status.InProgressStatus, served)
	d.Status = v1alpha1.DomainStatus{}
	if err := api.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	expect(t, d, status.InProgressStatus, served)
	if d.Status.VerifiedHost != host {
		t.Errorf("the verified host is %q", d.Status.VerifiedHost)
	}
}

// Hosts of the platform's need no proof: a Domain has the default host of its App, and no other.
func TestPlatformsHosts(t *testing.T) {
	start(t, true)
	ns, _ := organization(t)
	mirror := newDomain(t, ns, appIn(ns)+"."+baseDomain)
	expect(t, mirror, status.InProgressStatus, served)
	reserved := newDomain(t, ns, "www."+baseDomain)
	expect(t, reserved, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionVerified: succeeded, v1alpha1.ConditionRouteReady: failing(v1alpha1.ReasonHostReserved),
	})
	for _, d := range []*v1alpha1.Domain{mirror, reserved} {
		if got := dns.Asked(challenge(d.Spec.Host)); got > 0 {
			t.Errorf("%s was looked up %d times", d.Spec.Host, got)
		}
	}
}
