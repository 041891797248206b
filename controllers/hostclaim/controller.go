// Package hostclaim releases, holds and deletes the claims of hosts that no App or Domain has any longer.
package hostclaim

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/hostclaim"
	"github.com/berth-dev/berth/internal/policy"
)

// Reasons and the action of events about claims.
const (
	eventHostReleased = "HostReleased"
	eventHostFreed    = "HostFreed"
	eventHostRouted   = "HostStillRouted"
	eventHostReserved = "HostReserved"
)

// claimAgain is when a claim is reconciled again that has changed since it was read.
const claimAgain = time.Second

// Reconciler releases the hosts of Apps and Domains that are gone, frees them once they have been held for long enough, and reserves the
// hosts of Ingresses that are not Berth's. Apps and Domains claim their hosts in their own reconciles.
type Reconciler struct {
	exposure.Exposures
	// Hold is how long a released host is held for its organization.
	Hold time.Duration
}

// Setup adds the HostClaim controller to a manager; hold is for how long a released host is held for its organization.
func Setup(mgr manager.Manager, s exposure.Exposures, hold time.Duration, c controller.Options) error {
	r := &Reconciler{Exposures: s, Hold: hold}
	hosts := handler.EnqueueRequestsFromMapFunc(r.hostsOf)
	return builder.ControllerManagedBy(mgr).
		Named("hostclaim").
		WithOptions(c).
		For(&v1alpha1.HostClaim{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.App{}, hosts, builder.WithPredicates(predicate.Or(watches.Goes, watches.ComesOrGoes))).
		Watches(&v1alpha1.Domain{}, hosts, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, watches.Goes))).
		Watches(&networkingv1.Ingress{}, hosts, builder.WithPredicates(objects.IngressHostsChanged)).
		Complete(s.Instrument("HostClaim", r))
}

// Reconcile brings the claim of a host, which may not exist, in line with who asks for the host.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	claim, err := exposure.GetClaim(ctx, r.Client, req.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.settle(ctx, req.Name, claim)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		// The cache is behind. A change of the status, which wakes nothing, is enough for a conflict.
		return reconcile.Result{RequeueAfter: claimAgain}, nil
	}
	return result, err
}

func (r *Reconciler) settle(ctx context.Context, name string, claim *v1alpha1.HostClaim) (reconcile.Result, error) {
	switch {
	case claim == nil:
		return reconcile.Result{}, r.reserve(ctx, name)
	case !claim.GetDeletionTimestamp().IsZero():
		return reconcile.Result{}, nil
	case claim.Spec.Holder == nil:
		return r.expire(ctx, claim)
	default:
		return r.release(ctx, claim)
	}
}

// reserve claims a host for an Ingress that is not Berth's.
func (r *Reconciler) reserve(ctx context.Context, name string) error {
	ingress, err := r.ForeignIngress(ctx, name)
	if err != nil || ingress == nil || strings.HasPrefix(name, "*") {
		return err
	}
	if served, err := r.ServedByAnother(ctx, name, hostclaim.Claimant{}); err != nil || served {
		return err
	}
	claim := &v1alpha1.HostClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.HostClaimSpec{
			Holder: &v1alpha1.HostHolder{
				Kind: v1alpha1.HostHolderIngress, Namespace: ingress.GetNamespace(), Name: ingress.GetName(),
			},
			BoundAt: new(metav1.NewTime(r.Clock.Now())),
		},
	}
	if err := r.Client.Create(ctx, claim); err != nil {
		return err
	}
	r.tell(ctx, claim, eventHostReserved, "Host %s is reserved for Ingress %s/%s.", name, ingress.GetNamespace(), ingress.GetName())
	return nil
}

// release takes a host from a holder that is gone. A claim that never had a holder, and one of an Ingress, is deleted; any other is held for its
// organization.
func (r *Reconciler) release(ctx context.Context, claim *v1alpha1.HostClaim) (reconcile.Result, error) {
	lives, err := r.HolderLives(ctx, claim)
	if err != nil || lives {
		return reconcile.Result{}, err
	}
	now := r.Clock.Now()
	if left := hostclaim.BindTimeLeft(claim, now); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	if claim.Spec.BoundAt == nil && claim.Spec.ClaimedAt == nil || claim.Spec.Organization == "" || r.Hold <= 0 {
		return r.free(ctx, claim, "its holder does not exist")
	}
	claim = claim.DeepCopy()
	until := now.Add(r.Hold)
	if held := claim.Spec.HeldUntil; held != nil && held.Time.Before(until) { // It was held, and claimed again in vain.
		until = held.Time
	}
	hostclaim.Release(claim, until)
	if err := r.Client.Update(ctx, claim); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	r.tell(ctx, claim, eventHostReleased, "Host %s was released and is held for organization %s until %s.",
		claim.GetName(), claim.Spec.Organization, until.UTC().Format(time.RFC3339))
	return reconcile.Result{RequeueAfter: max(until.Sub(now), claimAgain)}, r.TrimTo(ctx, claim.Spec.Organization, r.heldHosts)
}

// expire deletes the claim of a host that has been held for long enough.
func (r *Reconciler) expire(ctx context.Context, claim *v1alpha1.HostClaim) (reconcile.Result, error) {
	if left := claim.Spec.HeldUntil.Sub(r.Clock.Now()); left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	return r.free(ctx, claim, "its hold has ended")
}

// TrimTo frees the hosts that were released first if more are held for an organization than its limit says. A host for which a certificate was
// requested within the last day is held until that day has passed: its claim counts the request, and an organization must not get a new budget of
// certificates by releasing many hosts.
func (r *Reconciler) TrimTo(ctx context.Context, organization string, limit func(context.Context, string) (int, error)) error {
	var list v1alpha1.HostClaimList
	if err := watches.Indexed(ctx, r.Client, &list, metav1.NamespaceAll, watches.IndexOrganization, organization); err != nil {
		return err
	}
	held := slices.DeleteFunc(list.Items, func(c v1alpha1.HostClaim) bool { return c.Spec.HeldUntil == nil })
	most, err := limit(ctx, organization)
	if err != nil || len(held) <= most {
		return err
	}
	slices.SortFunc(held, func(a, b v1alpha1.HostClaim) int {
		return cmp.Or(a.Spec.HeldUntil.Compare(b.Spec.HeldUntil.Time), cmp.Compare(a.GetName(), b.GetName()))
	})
	for i := range held[:len(held)-most] {
		if err := r.trim(ctx, &held[i]); err != nil {
			return err
		}
	}
	return nil
}

// trim frees a host that is held, or shortens its hold to the time for which its claim has certificates to count.
func (r *Reconciler) trim(ctx context.Context, claim *v1alpha1.HostClaim) error {
	var until time.Time
	counted := slices.Clone(claim.Status.CertificateRequestedAt)
	for _, f := range claim.Status.FormerRequests {
		counted = append(counted, f.RequestedAt...)
	}
	for _, at := range counted {
		if counts := at.Add(exposure.Day); counts.After(until) {
			until = counts
		}
	}
	switch {
	case !until.After(r.Clock.Now()):
		_, err := r.free(ctx, claim, "the organization holds too many hosts")
		return err
	case !until.Before(claim.Spec.HeldUntil.Time):
		return nil
	}
	claim = claim.DeepCopy()
	hostclaim.Release(claim, until)
	return client.IgnoreNotFound(r.Client.Update(ctx, claim))
}

// heldHosts returns how many released hosts are held for an organization.
func (r *Reconciler) heldHosts(ctx context.Context, organization string) (int, error) {
	org, err := r.PolicyOf(ctx, organization)
	return policy.HeldHosts(org), client.IgnoreNotFound(err)
}

// free deletes the claim of a host, which any organization can then claim. While the host still has a route of Berth's, the claim stays: that route would
// lead visitors of the next organization to the previous one. Its removal enqueues the claim.
func (r *Reconciler) free(ctx context.Context, claim *v1alpha1.HostClaim, why string) (reconcile.Result, error) {
	routes, err := r.RoutesOf(ctx, claim.GetName())
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(routes) > 0 {
		r.tell(ctx, claim, eventHostRouted, "Host %s is not free yet: Ingress %s/%s still routes it.",
			claim.GetName(), routes[0].GetNamespace(), routes[0].GetName())
		return reconcile.Result{RequeueAfter: exposure.RouteAgain}, nil
	}
	err = r.Client.Delete(ctx, claim, client.Preconditions{UID: new(claim.GetUID()), ResourceVersion: new(claim.GetResourceVersion())})
	if err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	r.tell(ctx, claim, eventHostFreed, "Host %s is free: %s.", claim.GetName(), why)
	return reconcile.Result{}, nil
}

// tell logs what was done with a claim and makes an event of it.
func (r *Reconciler) tell(ctx context.Context, claim *v1alpha1.HostClaim, reason, format string, args ...any) {
	log.FromContext(ctx).Info("Changed the claim of a host", "host", claim.GetName(), "organization", claim.Spec.Organization, "reason", reason)
	r.Recorder.Eventf(claim, nil, corev1.EventTypeNormal, reason, exposure.EventClaim, format, args...)
}

// hostsOf returns the hosts that an App or a Domain asks for, or that an Ingress has.
func (r *Reconciler) hostsOf(_ context.Context, o client.Object) []reconcile.Request {
	if ingress, ok := o.(*networkingv1.Ingress); ok {
		var all []reconcile.Request
		for _, name := range append(objects.ForeignHosts(ingress), objects.RouteHosts(ingress)...) {
			all = append(all, watches.Request("", name)...)
		}
		return all
	}
	return watches.Request("", watches.HostOf(o, r.Rules))
}
