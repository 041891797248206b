package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/ownership"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/internal/host"
)

// +kubebuilder:rbac:groups=berth.dev,resources=domains,verbs=list;watch
// +kubebuilder:rbac:groups=berth.dev,resources=domains/status,verbs=patch

// In organizations alone:
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=berth.dev,resources=domains/finalizers,verbs=update

// domainReconciler makes the hosts of Domains lead to their Apps.
type domainReconciler struct {
	sites
	// prover finds out who owns hosts.
	prover *ownership.Prover
}

// domainScope is what the phases of one reconcile of a Domain share.
type domainScope struct {
	domain *v1alpha1.Domain
	site   desired.Site

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
	serving serving
}

// appKey says where the App is that the Domain names.
func (s *domainScope) appKey() client.ObjectKey {
	return client.ObjectKey{Namespace: s.domain.GetNamespace(), Name: s.domain.Spec.AppRef.Name}
}

func setupDomain(mgr manager.Manager, s sites, dnsServer string, c controller.Options) error {
	r := newDomainReconciler(s, dnsServer)
	child := handler.EnqueueRequestsFromMapFunc(r.domainsOfChild)
	watched := builder.ControllerManagedBy(mgr).
		Named("domain").
		WithOptions(c).
		For(&v1alpha1.Domain{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, statusChanged))).
		Watches(&cmv1.Certificate{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&networkingv1.Ingress{}, child, builder.WithPredicates(ownedOrNew)).
		Watches(&networkingv1.Ingress{}, s.ofRoute(func() client.ObjectList { return &v1alpha1.DomainList{} }), builder.WithPredicates(routesEnd)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(tokenChanged)).
		Watches(&v1alpha1.Organization{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(policyChanged)).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfNamespace), builder.WithPredicates(rightsComeOrGo)).
		Watches(&v1alpha1.App{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfApp), builder.WithPredicates(comesOrGoes)).
		Watches(&v1alpha1.App{}, handler.EnqueueRequestsFromMapFunc(r.mirrorsOfApp)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfSecret), builder.WithPredicates(secretChanged)).
		Watches(&v1alpha1.HostClaim{}, handler.EnqueueRequestsFromMapFunc(r.domainsOfHost), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Domain{}, handler.EnqueueRequestsFromMapFunc(r.siblings), builder.WithPredicates(asksOtherwise)).
		WatchesRawSource(r.prover.Source()).
		Watches(&v1alpha1.HostClaim{}, s.named.concerned(v1alpha1.HostHolderDomain), builder.WithPredicates(hostChangedHands)).
		Watches(&v1alpha1.Domain{}, s.named.forgetDeleted()).
		Watches(&v1alpha1.Domain{}, s.forgetContests()).
		Watches(&v1alpha1.Domain{}, onDelete(func(o client.Object) {
			r.prover.Forget(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
		}))
	return watchIssuing(watched, s.client, r.domainsOfChild).Complete(s.measured("Domain", reconcile.AsReconciler(s.client, r)))
}

func newDomainReconciler(s sites, dnsServer string) *domainReconciler {
	return &domainReconciler{sites: s, prover: ownership.New(ownership.NewResolver(dnsServer), s.clock)}
}

// Reconcile makes the Domain's host lead to its App and writes what came of it into the Domain's status.
func (r *domainReconciler) Reconcile(ctx context.Context, domain *v1alpha1.Domain) (reconcile.Result, error) {
	site := desired.DomainSite(domain, r.platform)
	if !domain.GetDeletionTimestamp().IsZero() {
		return r.sites.end(ctx, domain, site)
	}
	s := &domainScope{
		domain: domain, site: site, mirrors: r.sites.mirrors(domain),
		hasHost:    domain.Status.URL == host.URL(domain.Spec.Host),
		needsProof: meta.FindStatusCondition(domain.Status.Conditions, v1alpha1.ConditionVerified) != nil,
	}
	outcome := phase.Run(ctx, s,
		phase.Phase[*domainScope]{Name: phaseOrganization, Gate: true, Run: r.organization},
		phase.Phase[*domainScope]{Name: "secrets", Condition: v1alpha1.ConditionConfigured, Run: r.secrets},
		phase.Phase[*domainScope]{Name: "owner", Condition: v1alpha1.ConditionVerified, Gate: true, Run: r.owner},
		phase.Phase[*domainScope]{Name: "host", Condition: v1alpha1.ConditionRouted, Gate: true, Run: r.host},
		phase.Phase[*domainScope]{Name: "served", Condition: v1alpha1.ConditionCertified, Gate: true, Run: r.served},
		// A Domain keeps its host, and what that serves, while its App is away.
		phase.Phase[*domainScope]{Name: "app", Gate: true, Run: r.namedApp},
		phase.Phase[*domainScope]{Name: "certificate", Condition: v1alpha1.ConditionCertified, Run: r.certificate},
		phase.Phase[*domainScope]{Name: "route", Condition: v1alpha1.ConditionRouted, Run: r.route},
		phase.Phase[*domainScope]{Name: "leftovers", Condition: v1alpha1.ConditionCertified, Run: r.leftovers},
	)
	if outcome.Gate() == nil && !r.isInOrganization(ctx, domain) {
		// That has ended, and the Secrets have gone from the cache meanwhile: nobody knows what is true of them.
		return reconcile.Result{RequeueAfter: rightsAgain}, nil
	}
	statusErr := r.writeStatus(ctx, s, outcome)
	return r.result(domain, outcome, statusErr, s.serving.recheck)
}
