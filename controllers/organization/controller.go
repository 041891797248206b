// Package organization gives each Organization its Namespace with the rights, bounds and isolation that make it a tenant.
package organization

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/rbac"
)

// +kubebuilder:rbac:groups=berth.dev,resources=organizations,verbs=list;watch;create
// +kubebuilder:rbac:groups=berth.dev,resources=organizations/status,verbs=patch
// +kubebuilder:rbac:groups=berth.dev,resources=organizations/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=limitranges;resourcequotas;nodes,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,resourceNames=berth-operator;berth-facade;berth-manager;berth-contributor,verbs=create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=berth-operator-organization;berth-facade-organization;berth-manager;berth-contributor,verbs=bind

// In organizations alone, and not by name: kustomize takes a resource name "berth" for that of the ConfigMap, which it changes.
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=networking.k8s.io,resources=networkpolicies,verbs=create;patch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=limitranges;resourcequotas,verbs=create;patch;delete

// Reconciler reconciles Organizations: their Namespaces with ids, rights and bounds.
type Reconciler struct {
	reconciler.Base

	// namespace is Berth's own.
	namespace string
	// grants writes RoleBindings, but not without the policies that bound them.
	grants client.Client
	// network is what the platform says about isolation. The addresses of API server and nodes come to it.
	network resources.Network
	// counted says when the usage of each organization's quota and limits was last written.
	counted *sync.Map
}

// Scope is what the phases of one reconcile of an Organization share.
type Scope struct {
	Org *v1alpha1.Organization
	// Ns is the organization's Namespace; nil until that phase has succeeded.
	Ns *corev1.Namespace
	// Quota is what the quota allows and how much of it is in use; nil if there is no quota.
	Quota *v1alpha1.QuotaUsage
	// Usage is how much of the limits is in use; nil until it has been counted.
	Usage *v1alpha1.LimitUsage
}

// Options are the settings of the organization controller.
type Options struct {
	// Namespace is Berth's own.
	Namespace string
	// Network is what the platform says about isolation. The addresses of API server and nodes are added to it.
	Network resources.Network
	// Guarded returns nil if the API server enforces the admission policies that bound what the operator may grant.
	Guarded func() error
}

// Setup adds the Organization controller to a manager.
func Setup(mgr manager.Manager, b reconciler.Base, o Options, c controller.Options) error {
	r := New(b, o)
	child := handler.EnqueueRequestsFromMapFunc(toOrganization)
	all, moved := handler.EnqueueRequestsFromMapFunc(r.allOrganizations), addressesChanged(r.network.IsRouterPort)
	return builder.ControllerManagedBy(mgr).
		Named("organization").
		WithOptions(c).
		For(&v1alpha1.Organization{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, watches.StatusChanged, watches.Goes))).
		Watches(&corev1.Namespace{}, child).
		Watches(&corev1.Namespace{}, b.ForgetContests()).
		Watches(&rbacv1.RoleBinding{}, child, builder.WithPredicates(ofOrganizations, watches.OwnedOrNew)).
		Watches(&networkingv1.NetworkPolicy{}, child, builder.WithPredicates(ofOrganizations, watches.OwnedOrNew)).
		Watches(&corev1.LimitRange{}, child, builder.WithPredicates(ofOrganizations, watches.OwnedOrNew)).
		Watches(&corev1.ResourceQuota{}, child, builder.WithPredicates(ofOrganizations, watches.OwnedOrNew)).
		Watches(&corev1.Secret{}, child, builder.WithPredicates(sizeChanged)).
		Watches(&corev1.Service{}, all, builder.WithPredicates(moved)).
		Watches(&discoveryv1.EndpointSlice{}, all, builder.WithPredicates(moved)).
		Watches(&corev1.Node{}, all, builder.WithPredicates(moved)).
		Complete(b.Instrument("Organization", r))
}

// New returns the reconciler of Organizations.
func New(b reconciler.Base, o Options) *Reconciler {
	return &Reconciler{Base: b, namespace: o.Namespace, grants: guarded{b.Client, o.Guarded}, counted: &sync.Map{}, network: o.Network}
}

// Reconcile gives an Organization its Namespace with everything in it that makes it one, and reports in the status.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	org := &v1alpha1.Organization{}
	err := r.Client.Get(ctx, req.NamespacedName, org)
	if apierrors.IsNotFound(err) {
		return r.withoutOrganization(ctx, req.Name)
	}
	if err != nil || !org.GetDeletionTimestamp().IsZero() {
		return reconcile.Result{}, err
	}
	s := &Scope{Org: org}
	outcome := phase.Run(ctx, s, r.phases(org.GetName())...)
	again, statusErr := r.writeStatus(ctx, s, outcome)
	var contested time.Duration
	if s.Ns != nil {
		_, contested = r.Contests.Of(s.Ns.GetUID())
	}
	return r.Result(org, outcome, statusErr, again, contested)
}

// phases are the steps for an organization. A problem of one does not keep the others from running unless it is a gate.
func (r *Reconciler) phases(name string) []phase.Phase[*Scope] {
	phases := []phase.Phase[*Scope]{
		{Name: "namespace", Condition: v1alpha1.ConditionNamespaceReady, Gate: true, Run: r.ensureNamespace},
		{Name: "adoption", Condition: v1alpha1.ConditionNamespaceReady, Gate: true, Run: r.Adopt},
		{Name: "pod security", Condition: v1alpha1.ConditionNamespaceReady, Run: r.podSecurity},
	}
	for _, b := range rbac.Bindings(name, r.namespace) {
		phases = append(phases, phase.Phase[*Scope]{
			Name: "access of " + b.Name, Condition: v1alpha1.ConditionAuthorized,
			Run: func(ctx context.Context, s *Scope) error { return r.Bind(ctx, s.Ns, b) },
		})
	}
	return append(phases,
		phase.Phase[*Scope]{Name: "rights", Condition: v1alpha1.ConditionAuthorized, Gate: true, Run: r.authorized},
		phase.Phase[*Scope]{Name: "isolation", Condition: v1alpha1.ConditionBounded, Run: r.isolation},
		phase.Phase[*Scope]{Name: "defaults", Condition: v1alpha1.ConditionBounded, Run: r.defaults},
		phase.Phase[*Scope]{Name: "quota", Condition: v1alpha1.ConditionBounded, Run: r.quota},
		phase.Phase[*Scope]{Name: "usage", Condition: v1alpha1.ConditionBounded, Run: r.Usage},
	)
}

func (r *Reconciler) authorized(ctx context.Context, s *Scope) error {
	return r.RequireRights(ctx, s.Ns)
}
