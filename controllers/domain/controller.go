// Package domain reconciles Domains: it verifies and claims their hosts, and exposes the Apps that they name there.
package domain

import (
	"context"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/verification"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/host"
)

// +kubebuilder:rbac:groups=berth.dev,resources=domains,verbs=list;watch
// +kubebuilder:rbac:groups=berth.dev,resources=domains/status,verbs=patch

// In organizations alone:
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=berth.dev,resources=domains/finalizers,verbs=update

// Reconciler makes the hosts of Domains lead to their Apps.
type Reconciler struct {
	exposure.Exposures
	// prover finds out who owns hosts.
	prover *verification.Prover
}

// scope is what the phases of one reconcile of a Domain share.
type scope struct {
	domain *v1alpha1.Domain
	site   resources.Site

	// app that the Domain names.
	app v1alpha1.App
	// hasHost says that the host is the Domain's; until that is decided, that it was so when last seen. Outside of an organization it is not
	// decided, and what is served goes on.
	hasHost bool
	// mirrors says that the host is the App's own default host: the App serves it, and the Domain looks on.
	mirrors bool
	// mirror is the Domain that says which certificate the App's default host is to have, if the Domain mirrors.
	mirror *v1alpha1.Domain
	// needsProof is true if the organization has to prove that it owns the host; until that is decided, if it had to when last seen.
	needsProof bool
	// proven says that the organization has proven just now that it owns the host.
	proven bool
	// record is what is to be set in DNS to prove it; nil if nothing is.
	record *v1alpha1.DomainVerification
	// serving is what there is of certificates for the host, and which one its route serves.
	serving exposure.Rotation
}

// appKey says where the App is that the Domain names.
func (s *scope) appKey() client.ObjectKey {
	return client.ObjectKey{Namespace: s.domain.GetNamespace(), Name: s.domain.Spec.AppRef.Name}
}

// Setup adds the Domain controller to a manager; dnsServer, host:port, answers the lookups that verify hosts, or the system's resolver if it is empty.
func Setup(mgr manager.Manager, s exposure.Exposures, dnsServer string, c controller.Options) error {
	r := New(s, dnsServer)
	child := handler.EnqueueRequestsFromMapFunc(r.domainsOfChild)
	watched := builder.ControllerManagedBy(mgr).
		Named("domain").
		WithOptions(c).
		For(&v1alpha1.Domain{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, watches.StatusChanged))).
		Watches(&cmv1.Certificate{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&networkingv1.Ingress{}, child, builder.WithPredicates(watches.OwnedOrNew)).
		Watches(&networkingv1.Ingress{}, s.OfRoute(func() client.ObjectList { return &v1alpha1.DomainList{} }), builder.WithPredicates(exposure.RoutesEnd)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(watches.TokenChanged)).
		Watches(&v1alpha1.Organization{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(reconciler.PolicyChanged)).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(reconciler.RightsComeOrGo)).
		Watches(&v1alpha1.App{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfApp), builder.WithPredicates(watches.ComesOrGoes)).
		Watches(&v1alpha1.App{}, handler.EnqueueRequestsFromMapFunc(r.mirrorsOfApp)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfSecret), builder.WithPredicates(watches.SecretChanged)).
		Watches(&v1alpha1.HostClaim{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfHost), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Domain{}, handler.EnqueueRequestsFromMapFunc(r.siblings), builder.WithPredicates(watches.AsksOtherwise)).
		WatchesRawSource(r.prover.Source()).
		Watches(&v1alpha1.HostClaim{}, s.Named.Concerned(v1alpha1.HostHolderDomain), builder.WithPredicates(exposure.HostChangedHands)).
		Watches(&v1alpha1.Domain{}, s.Named.ForgetDeleted()).
		Watches(&v1alpha1.Domain{}, s.ForgetContests()).
		Watches(&v1alpha1.Domain{}, watches.OnDelete(func(o client.Object) {
			r.prover.Forget(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}))
	return exposure.WatchIssuing(watched, s.Client, r.domainsOfChild).Complete(s.Instrument("Domain", reconcile.AsReconciler(s.Client, r)))
}

// New returns the reconciler of Domains. dnsServer is as in Setup.
func New(s exposure.Exposures, dnsServer string) *Reconciler {
	return &Reconciler{Exposures: s, prover: verification.New(verification.NewResolver(dnsServer), s.Clock)}
}

// Reconcile makes the Domain's host lead to its App and writes what came of it into the Domain's status.
func (r *Reconciler) Reconcile(ctx context.Context, domain *v1alpha1.Domain) (reconcile.Result, error) {
	site := resources.DomainSite(domain, r.Platform)
	if !domain.GetDeletionTimestamp().IsZero() {
		return r.End(ctx, domain, site)
	}
	s := &scope{
		domain: domain, site: site, mirrors: r.Mirrors(domain),
		hasHost:    domain.Status.URL == host.URL(domain.Spec.Host),
		needsProof: meta.FindStatusCondition(domain.Status.Conditions, v1alpha1.ConditionVerified) != nil,
	}
	outcome := phase.Run(ctx, s,
		phase.Phase[*scope]{Name: reconciler.PhaseOrganization, Gate: true, Run: r.organization},
		phase.Phase[*scope]{Name: "secrets", Condition: v1alpha1.ConditionReferencesResolved, Run: r.secrets},
		phase.Phase[*scope]{Name: "owner", Condition: v1alpha1.ConditionVerified, Gate: true, Run: r.owner},
		phase.Phase[*scope]{Name: "host", Condition: v1alpha1.ConditionRouteReady, Gate: true, Run: r.host},
		phase.Phase[*scope]{Name: "served", Condition: v1alpha1.ConditionCertificateReady, Gate: true, Run: r.served},
		// A Domain keeps its host, and what that serves, while its App is away.
		phase.Phase[*scope]{Name: "app", Gate: true, Run: r.namedApp},
		phase.Phase[*scope]{Name: "certificate", Condition: v1alpha1.ConditionCertificateReady, Run: r.certificate},
		phase.Phase[*scope]{Name: "route", Condition: v1alpha1.ConditionRouteReady, Run: r.route},
		phase.Phase[*scope]{Name: "leftovers", Condition: v1alpha1.ConditionCertificateReady, Run: r.leftovers},
	)
	if outcome.Gate() == nil && !r.IsInOrganization(ctx, domain) {
		// That has ended, and the Secrets have gone from the cache meanwhile: nobody knows what is true of them.
		return reconcile.Result{RequeueAfter: reconciler.RightsAgain}, nil
	}
	statusErr := r.writeStatus(ctx, s, outcome)
	return r.Result(domain, outcome, statusErr, s.serving.Recheck)
}
