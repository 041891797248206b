package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// Of two Apps of a name, the older one has the host, and the other one does not inherit it.
func TestHostOfTwoApps(t *testing.T) {
	t.Parallel()
	first, second := organization(t), organization(t)
	older := newApp(t, first)
	awaitStatus(t, older)
	nextSecond(t)
	younger := newApp(t, second, func(a *v1alpha1.App) { a.Name = older.Name })
	expect(t, younger, status.FailedStatus, conflict)
	if got := message(younger, v1alpha1.ConditionReady); strings.Contains(got, first) {
		t.Errorf("message %q tells the name of another organization", got)
	}
	if younger.Status.URL != "" {
		t.Errorf("the URL is %s, want none", younger.Status.URL)
	}
	get(t, &appsv1.Deployment{ObjectMeta: testobjects.Named(second, younger.Name)})
	get(t, &corev1.Service{ObjectMeta: testobjects.Named(second, younger.Name)})
	absent(t, routeOf(younger))
	absent(t, &cmv1.Certificate{ObjectMeta: testobjects.Named(second, younger.Name)})
	expect(t, older, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})

	// The camper does not inherit the host, neither while it is held nor when it is free.
	remove(t, older)
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: older.Name + "." + baseDomain}}
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil && s.Organization == first })
	settle()
	expect(t, younger, status.FailedStatus, conflict)
	remove(t, claim)
	says(t, younger, "is free now")
	settle()
	expect(t, younger, status.FailedStatus, conflict)
	absent(t, claim)

	// It has to ask for it again, and waits until the garbage collector, which does not run here, has removed the route of the other one.
	patch(t, younger, func(client.Object) { younger.Spec.Image = "registry.example.com/shop/web:v2" })
	says(t, younger, "Pods of the newest version")
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.Organization == second && s.BoundAt != nil })
	settle()
	absent(t, routeOf(younger))
	remove(t, routeOf(older))
	expect(t, younger, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	get(t, routeOf(younger))
}

// An App that is deleted and created again has its host back, whoever has waited for it.
func TestHostOfAnAppThatIsReplaced(t *testing.T) {
	t.Parallel()
	first, second := organization(t), organization(t)
	app := newApp(t, first)
	expect(t, app, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	camper := newApp(t, second, func(a *v1alpha1.App) { a.Name = app.Name })
	expect(t, camper, status.FailedStatus, conflict)
	for range 3 {
		remove(t, app)
		app = newApp(t, first)
		// What the earlier one had stays here, where no garbage collector runs, so its route is not replaced.
		eventually(t, func(ctx context.Context) error {
			if err := api.Get(ctx, key(app), app); err != nil || app.Status.URL == "" {
				return errors.Join(err, errNotYet)
			}
			return nil
		})
	}
	expect(t, camper, status.FailedStatus, conflict)
}

// A Domain that was refused does not get the host after its Namespace was not an organization for a while.
func TestRefusalOutlivesTheOrganization(t *testing.T) {
	t.Parallel()
	ns, other := organization(t), organization(t)
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	expect(t, domain, status.InProgressStatus, map[string]condition{v1alpha1.ConditionRouteReady: succeeded})
	camper := newDomain(t, other, domain.Spec.Host, newApp(t, other).Name)
	expect(t, camper, status.FailedStatus, conflict)

	patch(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}}, func(o client.Object) { o.SetLabels(nil) })
	expect(t, camper, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady:      failing(v1alpha1.ReasonNotInOrganization),
		v1alpha1.ConditionRouteReady: failing(v1alpha1.ReasonHostConflict),
	})
	remove(t, domain)
	claim := existingClaim(t, domain.Spec.Host)
	awaitClaim(t, claim, func(s v1alpha1.HostClaimSpec) bool { return s.HeldUntil != nil })
	remove(t, claim)
	mark(t, other)
	expect(t, camper, status.FailedStatus, conflict)
	absent(t, claim)
}

// A claim whose hold has just ended makes those wait that were not refused, and nobody else.
func TestRefusalAtTheEndOfAHold(t *testing.T) {
	t.Parallel()
	s := exposure.New(testBase(t, clock.RealClock{}))
	claim := &v1alpha1.HostClaim{Spec: v1alpha1.HostClaimSpec{
		Organization: "former", HeldUntil: new(metav1.NewTime(time.Now().Add(-time.Second))),
	}}
	for want, refused := range map[hostclaim.Verdict]bool{hostclaim.Wait: false, hostclaim.Conflict: true} {
		claimant := hostclaim.Claimant{Organization: "camper", Refused: refused}
		if got, err := s.TryClaim(t.Context(), nil, "www.example.com", claim, claimant); err != nil || got != want {
			t.Errorf("refused before: %t: got verdict %d and error %v, want %d", refused, got, err, want)
		}
	}
}

// Whether a host is verified is told also while the Namespace is not an organization.
func TestVerifiedOutsideOfAnOrganization(t *testing.T) {
	t.Parallel()
	ns := organizationWith(t, v1alpha1.OrganizationSpec{Trusted: new(true), HostVerification: v1alpha1.HostVerificationRequired})
	domain := newDomain(t, ns, "www."+ns+".example.com", newApp(t, ns).Name)
	eventually(t, func(ctx context.Context) error {
		if err := api.Get(ctx, key(domain), domain); err != nil || domain.Status.Verification == nil {
			return errNotYet
		}
		return nil
	})
	patch(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(o client.Object) { o.SetLabels(nil) })
	expect(t, domain, status.FailedStatus, map[string]condition{
		v1alpha1.ConditionReady:    failing(v1alpha1.ReasonNotInOrganization),
		v1alpha1.ConditionVerified: pending,
	})
}

// A Domain whose host is reserved by what does not wake it is reconciled again.
func TestReservedHostIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	ns, elsewhere := organization(t), namespace(t, nil)
	app := newApp(t, ns)
	newForeignIngress(t, elsewhere, "*."+ns+".example.net")
	for _, host := range []string{"x." + ns + ".example.net", "web." + elsewhere} {
		domain := newDomain(t, ns, host, app.Name)
		expect(t, domain, status.FailedStatus, hostReserved)
		if again := reconcileDomain(t, domain, clock.RealClock{}).RequeueAfter; again != exposure.ReservedAgain {
			t.Errorf("%s is looked at again after %s, want %s", host, again, exposure.ReservedAgain)
		}
	}
}
