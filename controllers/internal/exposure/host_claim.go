package exposure

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/conditions"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/hostclaim"
)

// +kubebuilder:rbac:groups=berth.dev,resources=hostclaims,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=berth.dev,resources=hostclaims/status,verbs=update

// ClaimantOf returns an App as one that asks for its default host.
func ClaimantOf(app *v1alpha1.App, hasHost bool) hostclaim.Claimant {
	return hostclaim.Claimant{
		Organization: app.GetNamespace(),
		Holder:       v1alpha1.HostHolder{Kind: v1alpha1.HostHolderApp, Name: app.GetName()},
		Serves:       hasHost,
		Refused:      wasRefused(app),
	}
}

// ClaimantOfDomain returns a Domain as one that asks for its host.
func ClaimantOfDomain(d *v1alpha1.Domain, hasHost, proven bool) hostclaim.Claimant {
	return hostclaim.Claimant{
		Organization: d.GetNamespace(),
		Holder:       v1alpha1.HostHolder{Kind: v1alpha1.HostHolderDomain, Name: d.GetName()},
		Serves:       hasHost,
		Refused:      wasRefused(d),
		Proven:       proven,
	}
}

// wasRefused reports whether another object had the host of an App or Domain when its present spec was tried.
func wasRefused(o conditions.Object) bool {
	c := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionRouteReady)
	return c != nil && c.Reason == v1alpha1.ReasonHostConflict && c.ObservedGeneration == o.GetGeneration()
}

// KeepRefusal keeps the condition that an App or Domain was refused its host while its Namespace is not an organization, or not yet. A claimant whose
// refusal is forgotten would claim the host once that is free.
func KeepRefusal(o conditions.Object, outcome *phase.Outcome, parts []conditions.Part) []conditions.Part {
	if gate := outcome.Gate(); gate == nil || gate.Phase != reconciler.PhaseOrganization || !wasRefused(o) {
		return parts
	}
	refused := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionRouteReady)
	for i := range parts {
		if p := &parts[i]; p.Type == v1alpha1.ConditionRouteReady && p.Reason == v1alpha1.ReasonPending {
			p.Status, p.Reason, p.Message = refused.Status, refused.Reason, refused.Message
		}
	}
	return parts
}

// Mirrors reports whether the host of a Domain is the default host of the App that it names. The App serves it then.
func (s Exposures) Mirrors(d *v1alpha1.Domain) bool {
	return d.Spec.Host == host.Default(d.Spec.AppRef.Name, s.Rules.BaseDomain)
}

// ClaimHost gives a host to an App or Domain, unless another object has it, and returns what became of that. While the host still has a route in another
// organization, a claimant that does not serve it yet gets the claim only: two routes for one host would compete.
func (s Exposures) ClaimHost(ctx context.Context, o conditions.Object, name string, c hostclaim.Claimant) (hostclaim.Verdict, error) {
	verdict, err := s.claim(ctx, o, name, c)
	if err != nil || verdict != hostclaim.Granted || c.Serves {
		return verdict, err
	}
	if elsewhere, err := s.routedElsewhere(ctx, name, c.Organization); err != nil || elsewhere {
		return hostclaim.Draining, err
	}
	return hostclaim.Granted, nil
}

// claim claims a host for an App or Domain, unless another object has it, and returns what became of that.
func (s Exposures) claim(ctx context.Context, o conditions.Object, name string, c hostclaim.Claimant) (hostclaim.Verdict, error) {
	claim, err := GetClaim(ctx, s.Client, name)
	if err != nil {
		return hostclaim.Wait, err
	}
	verdict, err := s.TryClaim(ctx, o, name, claim, c)
	if !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return verdict, err
	}
	// The cache is behind: another replica of the facade has claimed the host, say.
	if claim, err = GetClaim(ctx, s.Live, name); err != nil {
		return hostclaim.Wait, err
	}
	return s.TryClaim(ctx, o, name, claim, c)
}

// GetClaim returns the claim of a host, or nil. It does not wait for other workers' writes to arrive in the cache: a write that was decided by a
// stale claim fails.
func GetClaim(ctx context.Context, from client.Reader, name string) (*v1alpha1.HostClaim, error) {
	claim := &v1alpha1.HostClaim{}
	err := from.Get(ctx, client.ObjectKey{Name: name}, claim, client.DisableReadYourWritesConsistency)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // There is none.
	}
	return claim, err
}

// TryClaim does what the claim of a host, as it was read, lets a claimant do.
func (s Exposures) TryClaim(ctx context.Context, o conditions.Object, name string, claim *v1alpha1.HostClaim, c hostclaim.Claimant) (hostclaim.Verdict, error) {
	now := s.Clock.Now()
	lives := false
	if claim != nil && claim.Spec.Holder != nil && *claim.Spec.Holder != c.Holder {
		var err error
		if lives, err = s.HolderLives(ctx, claim); err != nil {
			return hostclaim.Wait, err
		}
	}
	verdict := hostclaim.Decide(claim, c, lives, now)
	switch verdict {
	case hostclaim.Create:
		return s.createClaim(ctx, name, c)
	case hostclaim.Update, hostclaim.Transfer:
		before := claim.DeepCopy()
		claim = claim.DeepCopy()
		hostclaim.Bind(claim, c, now)
		err := s.writeClaim(ctx, claim, func(ctx context.Context, obj client.Object, _ ...client.CreateOption) error {
			return s.Client.Update(ctx, obj)
		})
		if err == nil && verdict == hostclaim.Transfer {
			s.tellTransfer(ctx, o, before, c.Proven)
		}
		return hostclaim.Granted, err
	case hostclaim.Wait:
		if c.Refused && claim.Spec.Organization != c.Organization {
			return hostclaim.Conflict, nil // What waits would forget that it was refused, and get the host.
		}
	}
	return verdict, nil
}

// createClaim claims a host that has no claim, unless another App or Domain has served it since before there were claims.
func (s Exposures) createClaim(ctx context.Context, name string, c hostclaim.Claimant) (hostclaim.Verdict, error) {
	if !c.Serves {
		if served, err := s.ServedByAnother(ctx, name, c); err != nil || served {
			return hostclaim.Conflict, err
		}
	}
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: name}}
	hostclaim.Bind(claim, c, s.Clock.Now())
	return hostclaim.Granted, s.writeClaim(ctx, claim, s.Client.Create)
}

// writeClaim writes a claim, and its status if it has one to keep.
func (s Exposures) writeClaim(ctx context.Context, claim *v1alpha1.HostClaim, write func(context.Context, client.Object, ...client.CreateOption) error) error {
	want := claim.Status.DeepCopy()
	if err := write(ctx, claim); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(*want, claim.Status) {
		return nil
	}
	claim.Status = *want
	return s.Client.Status().Update(ctx, claim)
}

// HolderLives reports whether the holder of a claim exists and still asks for the host.
func (s Exposures) HolderLives(ctx context.Context, claim *v1alpha1.HostClaim) (bool, error) {
	holder := claim.Spec.Holder
	key := client.ObjectKey{Namespace: claim.Spec.Organization, Name: holder.Name}
	switch holder.Kind {
	case v1alpha1.HostHolderApp:
		app := &v1alpha1.App{}
		err := s.Client.Get(ctx, key, app, client.DisableReadYourWritesConsistency)
		asks := host.Default(app.GetName(), s.Rules.BaseDomain) == claim.GetName() && app.GetDeletionTimestamp().IsZero()
		return err == nil && asks, client.IgnoreNotFound(err)
	case v1alpha1.HostHolderDomain:
		domain := &v1alpha1.Domain{}
		err := s.Client.Get(ctx, key, domain, client.DisableReadYourWritesConsistency)
		asks := domain.Spec.Host == claim.GetName() && domain.GetDeletionTimestamp().IsZero()
		return err == nil && asks, client.IgnoreNotFound(err)
	default:
		ingress, err := s.ForeignIngress(ctx, claim.GetName())
		return ingress != nil, err
	}
}

// ServedByAnother reports whether an App or Domain other than the claimant serves a host. If the host has no claim, a version without HostClaims gave it
// to that object, which claims it once it is reconciled: the order of reconciles after an upgrade must not decide who has a host. A proof wins the host
// from an object that has none.
func (s Exposures) ServedByAnother(ctx context.Context, name string, c hostclaim.Claimant) (bool, error) {
	var apps v1alpha1.AppList
	if err := watches.Indexed(ctx, s.Client, &apps, metav1.NamespaceAll, watches.IndexHost, name); err != nil {
		return false, err
	}
	other := func(o metav1.Object, kind v1alpha1.HostHolderKind) bool {
		return o.GetDeletionTimestamp().IsZero() &&
			(o.GetNamespace() != c.Organization || c.Holder != v1alpha1.HostHolder{Kind: kind, Name: o.GetName()})
	}
	for i := range apps.Items {
		if app := &apps.Items[i]; other(app, v1alpha1.HostHolderApp) && app.Status.URL == host.URL(name) {
			return true, nil
		}
	}
	if s.Rules.IsPlatform(name) {
		return false, nil // The Domains of a default host leave it to the App.
	}
	var domains v1alpha1.DomainList
	if err := watches.Indexed(ctx, s.Client, &domains, metav1.NamespaceAll, watches.IndexHost, name); err != nil {
		return false, err
	}
	for i := range domains.Items {
		domain := &domains.Items[i]
		if other(domain, v1alpha1.HostHolderDomain) && domain.Status.URL == host.URL(name) && (!c.Proven || objects.IsProven(domain)) {
			return true, nil
		}
	}
	return false, nil
}

// ForeignIngress returns an Ingress that is not Berth's and that has a host, or nil.
func (s Exposures) ForeignIngress(ctx context.Context, name string) (*networkingv1.Ingress, error) {
	var list networkingv1.IngressList
	if err := watches.Indexed(ctx, s.Client, &list, metav1.NamespaceAll, watches.IndexHost, name); err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

// tellTransfer logs that a host was transferred, and tells both organizations in events: the one that has it now, which has proven that it owns it or
// has served it all along, and the one that had it before.
func (s Exposures) tellTransfer(ctx context.Context, to conditions.Object, before *v1alpha1.HostClaim, proven bool) {
	why := "which has served it all along"
	if proven {
		why = "which proved that it owns it"
	}
	log.FromContext(ctx).Info("Transferred a host to another organization", "host", before.GetName(),
		"from", before.Spec.Organization, "to", to.GetNamespace(), "proven", proven)
	s.Recorder.Eventf(to, nil, corev1.EventTypeNormal, eventHostTransferred, EventClaim,
		"Host %s was transferred to this organization, %s.", before.GetName(), why)
	if holder := before.Spec.Holder; holder != nil && holder.Kind == v1alpha1.HostHolderDomain {
		loser := &v1alpha1.Domain{}
		if s.Client.Get(ctx, client.ObjectKey{Namespace: before.Spec.Organization, Name: holder.Name}, loser) == nil {
			s.Recorder.Eventf(loser, nil, corev1.EventTypeWarning, eventHostTransferred, EventClaim,
				"Host %s was transferred to another organization, %s.", before.GetName(), why)
		}
	}
}

// Refusal returns why a claimant does not get a host, or nil if it does. It does not say who has the host: it may be another organization.
func Refusal(verdict hostclaim.Verdict, name string) error {
	switch verdict {
	case hostclaim.Granted:
		return nil
	case hostclaim.Reserved:
		return phase.Stall(v1alpha1.ReasonHostReserved, "Host %s is reserved: an Ingress that is not Berth's has it. "+
			"Choose another host or ask the platform's administrator.", name)
	case hostclaim.Stale:
		return phase.Stall(v1alpha1.ReasonHostConflict, "Host %s was already claimed when it was requested, and is free now. "+
			"Change the spec, or delete the object and create it again, to claim the host.", name)
	case hostclaim.Wait:
		return phase.Wait(hostclaim.BindTimeout, v1alpha1.ReasonProgressing, "Host %s is about to be released.", name)
	case hostclaim.Draining:
		return phase.Wait(RouteAgain, v1alpha1.ReasonProgressing, "Host %s is claimed, but still has a route from before, which is being removed. "+
			"If it stays, ask the platform's administrator to delete that Ingress.", name)
	default:
		return phase.Stall(v1alpha1.ReasonHostConflict, "Host %s is already claimed by another App or Domain. "+
			"Choose another host or ask the platform's administrator.", name)
	}
}

const (
	// EventClaim is the action of events about claims of hosts.
	EventClaim = "ClaimHost"
	// eventHostTransferred is the reason of an event that a host was transferred to another organization.
	eventHostTransferred = "HostTransferred"
)
