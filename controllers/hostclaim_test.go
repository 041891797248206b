package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	hostclaimcontroller "github.com/berth-dev/berth/controllers/hostclaim"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// awaitClaim waits until a claim says what a test wants.
func awaitClaim(t *testing.T, claim *v1alpha1.HostClaim, says func(v1alpha1.HostClaimSpec) bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(claim), claim); err != nil {
			return err
		}
		if !says(claim.Spec) {
			return fmt.Errorf("the claim of %s says %+v", claim.Name, claim.Spec)
		}
		return nil
	})
}

func claimFor(host, organization, domain string, changes ...func(*v1alpha1.HostClaim)) *v1alpha1.HostClaim {
	claim := &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: host},
		Spec: v1alpha1.HostClaimSpec{
			Organization: organization, Holder: &v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: domain},
		},
	}
	for _, change := range changes {
		change(claim)
	}
	return claim
}

// The claim that the facade makes before a Domain is the Domain's, and the operator says so.
func TestClaimOfTheFacadeIsBound(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	claim := claimFor("www."+ns+".example.com", ns, "www")
	create(t, claim)
	domain := &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "www"},
		Spec:       v1alpha1.DomainSpec{Host: claim.Name, AppRef: v1alpha1.AppRef{Name: newApp(t, ns).Name}},
	}
	create(t, domain)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool {
		return s.BoundAt != nil && s.Holder != nil && s.Holder.Name == "www"
	})
}

// A host that the facade claimed again for a Domain that did not come stays its organization's, and is held no longer than before.
func TestReclaimedHostIsHeld(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	until := metav1.NewTime(time.Now().Add(time.Hour).Truncate(time.Second))
	for name, before := range map[string]*metav1.Time{"bound": nil, "held": &until} {
		claim := claimFor(name+"."+ns+".example.com", ns, "never", func(c *v1alpha1.HostClaim) {
			c.Spec.HeldUntil = before
			hostclaim.Reclaim(c, *c.Spec.Holder, time.Now().Add(-2*hostclaim.BindTimeout))
		})
		create(t, claim)
		awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool {
			return s.Organization == ns && s.Holder == nil && s.HeldUntil != nil && (before == nil || s.HeldUntil.Equal(before))
		})
	}
}

// A host that was held for long enough is free, and one that is held is not.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	short := claimFor("short."+ns+".example.com", ns, "", heldFor(2*time.Second))
	long := claimFor("long."+ns+".example.com", ns, "", heldFor(time.Hour))
	create(t, short)
	create(t, long)
	refused := newDomain(t, other, long.Name, newApp(t, other).Name)
	expect(t, refused, status.FailedStatus, conflict)
	awaitAbsent(t, short)
	taken := newDomain(t, other, short.Name, refused.Spec.AppRef.Name)
	expect(t, taken, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	expect(t, refused, status.FailedStatus, conflict)
}

// No more hosts are held for an organization than its limit says: those that it released first become free.
func TestHeldHostsAreBounded(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	r := &hostclaimcontroller.Reconciler{Exposures: exposure.New(testBase(t, clock.RealClock{})), Hold: time.Hour}
	for i := range 4 {
		create(t, claimFor(fmt.Sprintf("h%d.%s.example.com", i, ns), ns, "", heldFor(time.Duration(i+1)*time.Hour)))
	}
	limit := func(context.Context, string) (int, error) { return 2, nil }
	eventually(t, func(ctx context.Context) error {
		if err := r.TrimTo(ctx, ns, limit); err != nil {
			return err
		}
		var left v1alpha1.HostClaimList
		if err := api.List(ctx, &left); err != nil {
			return err
		}
		var names []string
		for _, c := range left.Items {
			if c.Spec.Organization == ns {
				names = append(names, c.Name)
			}
		}
		if len(names) != 2 || names[0] != "h2."+ns+".example.com" || names[1] != "h3."+ns+".example.com" {
			return fmt.Errorf("held are %q", names)
		}
		return nil
	})
}

// A host for which a certificate was requested within the last day stays held for the rest of that day, so that the request counts.
func TestHeldHostsKeepTheBudget(t *testing.T) {
	t.Parallel()
	ns := organization(t)
	r := &hostclaimcontroller.Reconciler{Exposures: exposure.New(testBase(t, clock.RealClock{})), Hold: time.Hour}
	requested := map[string]time.Duration{"recent": -time.Hour, "old": -25 * time.Hour}
	for name, ago := range requested {
		claim := claimFor(name+"."+ns+".example.com", ns, "", func(c *v1alpha1.HostClaim) {
			c.Spec.Holder, c.Spec.HeldUntil = nil, new(metav1.NewTime(time.Now().Add(7*exposure.Day)))
		})
		create(t, claim)
		claim.Status.CertificateRequestedAt = []metav1.Time{metav1.NewTime(time.Now().Add(ago))}
		if err := api.Status().Update(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	none := func(context.Context, string) (int, error) { return 0, nil }
	recent := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: "recent." + ns + ".example.com"}}
	eventually(t, func(ctx context.Context) error {
		if err := r.TrimTo(ctx, ns, none); err != nil {
			return err
		}
		if err := api.Get(ctx, key(recent), recent); err != nil || time.Until(recent.Spec.HeldUntil.Time) > exposure.Day {
			return fmt.Errorf("the claim is held until %v (error: %w)", recent.Spec.HeldUntil, err)
		}
		return nil
	})
	awaitAbsent(t, &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: "old." + ns + ".example.com"}})
}

// The hosts of Ingresses that are not Berth's are reserved for as long as these exist, wildcards included.
func TestHostsOfForeignIngresses(t *testing.T) {
	t.Parallel()
	ns, elsewhere := organization(t), namespace(t, nil)
	app := newApp(t, ns)
	exact, wildcard := "login."+ns+".example.net", "*.apps."+ns+".example.net"
	ingress := &networkingv1.Ingress{ObjectMeta: testobjects.Named(elsewhere, "login"), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
		},
		Rules: []networkingv1.IngressRule{{Host: exact}, {Host: wildcard}},
	}}
	create(t, ingress)
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: exact}}
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool {
		return s.Holder != nil && s.Holder.Kind == v1alpha1.HostHolderIngress
	})
	same := newDomain(t, ns, exact, app.Name)
	expect(t, same, status.FailedStatus, hostReserved)
	below := newDomain(t, ns, "x.apps."+ns+".example.net", app.Name)
	expect(t, below, status.FailedStatus, hostReserved)
	deeper := newDomain(t, ns, "y.x.apps."+ns+".example.net", app.Name)
	expect(t, deeper, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})

	// Once the Ingress is gone, whoever asks for the host has it.
	remove(t, ingress)
	expect(t, same, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// An Ingress that appears later takes no host away.
func TestForeignIngressComesLater(t *testing.T) {
	t.Parallel()
	ns, elsewhere := organization(t), namespace(t, nil)
	domain := newDomain(t, ns, "www."+ns+".example.net", newApp(t, ns).Name)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	ingress := &networkingv1.Ingress{ObjectMeta: testobjects.Named(elsewhere, "www"), Spec: networkingv1.IngressSpec{
		Rules: []networkingv1.IngressRule{{Host: domain.Spec.Host}},
	}}
	create(t, ingress)
	settle()
	patch(t, domain, func(o client.Object) { o.SetAnnotations(map[string]string{"touched": "1"}) })
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
}

// Of two organizations whose Apps want one host at the same moment, one has it.
func TestHostIsRacedFor(t *testing.T) {
	t.Parallel()
	organizations := []string{organization(t), organization(t), organization(t)}
	name := "race-" + organizations[0][len(organizations[0])-5:]
	apps := make([]*v1alpha1.App, len(organizations))
	for i, ns := range organizations {
		apps[i] = newApp(t, ns, func(a *v1alpha1.App) { a.Name = name })
	}
	eventually(t, func(ctx context.Context) error {
		served := 0
		for _, app := range apps {
			if err := api.Get(ctx, key(app), app); err != nil {
				return err
			}
			if app.Status.ObservedGeneration != app.Generation {
				return errNotYet
			}
			if app.Status.URL != "" {
				served++
			}
		}
		if served != 1 {
			return fmt.Errorf("%d Apps have the host, want 1", served)
		}
		return nil
	})
}
