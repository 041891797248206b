package controllers

import (
	"context"
	"errors"
	"slices"
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
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/status"
	"github.com/berth-dev/berth/internal/access"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch;patch
// +kubebuilder:rbac:groups="",resources=limitranges;resourcequotas;nodes,verbs=list;watch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=list;watch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=list;watch
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,resourceNames=berth-operator;berth-facade;berth-manager;berth-contributor,verbs=create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=berth-operator-organization;berth-facade-organization;berth-manager;berth-contributor,verbs=bind

// In organizations alone, and not by name: kustomize takes a resource name "berth" for that of the ConfigMap, which it changes.
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=networking.k8s.io,resources=networkpolicies,verbs=create;patch
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=limitranges;resourcequotas,verbs=create;patch;delete

// complainAfter is when a problem of an organization is told once more. An event is kept for an hour, as a rule.
const complainAfter = 30 * time.Minute

// organizationReconciler gives each organization what makes it one: its ids, who may do what in it, and its bounds.
type organizationReconciler struct {
	base

	// namespace is Berth's own.
	namespace string
	// grants writes RoleBindings, but not without the policies that bound them.
	grants client.Client
	// network is what the platform says about isolation. The addresses of API server and nodes come to it.
	network desired.Network
}

func (o Options) setupOrganization(mgr manager.Manager, b base, c controller.Options) error {
	r := o.organizationReconciler(b)
	child := handler.EnqueueRequestsFromMapFunc(toOrganization)
	all := handler.EnqueueRequestsFromMapFunc(r.allOrganizations)
	return builder.ControllerManagedBy(mgr).
		Named("organization").
		WithOptions(c).
		For(&corev1.Namespace{}).
		Watches(&rbacv1.RoleBinding{}, child, builder.WithPredicates(ofOrganizations, ownedOrNew)).
		Watches(&networkingv1.NetworkPolicy{}, child, builder.WithPredicates(ofOrganizations, ownedOrNew)).
		Watches(&corev1.LimitRange{}, child, builder.WithPredicates(ofOrganizations, ownedOrNew)).
		Watches(&corev1.ResourceQuota{}, child, builder.WithPredicates(ofOrganizations, ownedOrNew)).
		Watches(&corev1.Service{}, all, builder.WithPredicates(addressesChanged)).
		Watches(&discoveryv1.EndpointSlice{}, all, builder.WithPredicates(addressesChanged)).
		Watches(&corev1.Node{}, all, builder.WithPredicates(addressesChanged)).
		Complete(b.measured("Organization", r))
}

func (o Options) organizationReconciler(b base) *organizationReconciler {
	return &organizationReconciler{base: b, namespace: o.Namespace, grants: guarded{b.client, o.Guarded}, network: desired.Network{
		RouterNamespaces: o.RouterNamespaces, RouterNetworks: o.RouterNetworks, Denied: o.DenyEgress,
	}}
}

// Reconcile makes an organization have what it is to have. What a person must act on becomes an event of the Namespace, which has no
// conditions, and the rest goes on.
func (r *organizationReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ns := &corev1.Namespace{}
	err := r.client.Get(ctx, req.NamespacedName, ns)
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, r.retire(ctx, req.Name)
	}
	if err != nil || !ns.GetDeletionTimestamp().IsZero() {
		return reconcile.Result{}, err
	}
	outcome := phase.Run(ctx, ns, r.phases(ns)...)
	status.Complain(r.recorder, ns, outcome)
	if len(outcome.Problems()) == 0 {
		return r.result(ns, outcome, nil)
	}
	return r.result(ns, outcome, nil, complainAfter)
}

// phases are the steps for an organization. Only the rights of the controllers themselves keep others from being taken.
func (r *organizationReconciler) phases(ns *corev1.Namespace) []phase.Phase[*corev1.Namespace] {
	phases := []phase.Phase[*corev1.Namespace]{
		{Name: "namespace", Gate: true, Run: r.notOurs},
		{Name: "ids", Run: r.identify},
		{Name: "pod security", Run: r.podSecurity},
	}
	for _, b := range access.Bindings(ns.GetName(), r.namespace) {
		phases = append(phases, phase.Phase[*corev1.Namespace]{
			Name: "access of " + b.Name,
			Run:  func(ctx context.Context, ns *corev1.Namespace) error { return r.bind(ctx, ns, b) },
		})
	}
	return append(phases,
		phase.Phase[*corev1.Namespace]{Name: "rights", Gate: true, Run: r.requireRights},
		phase.Phase[*corev1.Namespace]{Name: "isolation", Run: r.isolation},
		phase.Phase[*corev1.Namespace]{Name: "defaults", Run: r.defaults},
		phase.Phase[*corev1.Namespace]{Name: "quota", Run: r.quota},
	)
}

// notOurs keeps Berth's own Namespace from being an organization: its managers could write API keys.
func (r *organizationReconciler) notOurs(_ context.Context, ns *corev1.Namespace) error {
	if ns.GetName() == r.namespace {
		return phase.Stall(v1alpha1.ReasonInvalid, "Berth's own Namespace can't be an organization. Take the label %s away.", v1alpha1.LabelOrganization)
	}
	return nil
}

// retire takes everybody's rights in a Namespace that is no organization, or none any more, the controllers' own last. What else it had
// stays: without its NetworkPolicy, the Pods that still run in it would be open to all.
func (r *organizationReconciler) retire(ctx context.Context, name string) error {
	r.rights.Delete(name)
	var errs []error
	for _, b := range slices.Backward(access.Bindings(name, r.namespace)) {
		errs = append(errs, r.unbind(ctx, name, b.Name))
	}
	return errors.Join(errs...)
}
