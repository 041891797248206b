package organization

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
)

// podSecurity bounds what the Pods of an organization may do to their node, unless an administrator has set a level on the Namespace.
func (r *Reconciler) podSecurity(ctx context.Context, s *Scope) error {
	have, err := corev1ac.ExtractNamespace(s.Ns, v1alpha1.FieldOwner)
	if err != nil {
		return err
	}
	return ssa.Share(ctx, r.Client, resources.PodSecurity(s.Ns, have.Labels, s.Org.Spec.PodSecurity), s.Ns, corev1ac.ExtractNamespace)
}

// Bind makes one of the RoleBindings.
func (r *Reconciler) Bind(ctx context.Context, ns *corev1.Namespace, b rbac.Binding) error {
	return ssa.Apply(ctx, r.grants, ns, resources.RoleBinding(ns, b), &rbacv1.RoleBinding{}, rbacv1ac.ExtractRoleBinding)
}

// isolation lets the router and the organization's own Pods alone reach its Pods, and denies them the platform's addresses.
func (r *Reconciler) isolation(ctx context.Context, s *Scope) error {
	network, err := r.isolated(ctx)
	if err != nil {
		return err
	}
	if s.Org.Spec.Egress != nil {
		network.AllowedNamespaces = slices.Concat(network.AllowedNamespaces, s.Org.Spec.Egress.AllowedNamespaces)
		for _, text := range s.Org.Spec.Egress.DeniedNetworks {
			denied, err := netip.ParsePrefix(text)
			if err != nil {
				return phase.Stall(v1alpha1.ReasonInvalid, "spec.egress.deniedNetworks: %q is not a network in CIDR notation.", text)
			}
			network.Denied = append(network.Denied, denied)
		}
	}
	want := resources.NetworkPolicy(s.Ns, network)
	return ssa.Apply(ctx, r.Client, s.Ns, want, &networkingv1.NetworkPolicy{}, networkingv1ac.ExtractNetworkPolicy)
}

// defaults bounds containers that say nothing about resources.
func (r *Reconciler) defaults(ctx context.Context, s *Scope) error {
	object := &corev1.LimitRange{ObjectMeta: r.bound(s)}
	requests, limits := policy.Requests(*s.Org), policy.Limits(*s.Org)
	if len(requests)+len(limits) == 0 {
		return r.prune(ctx, s, object, "LimitRange")
	}
	err := ssa.Apply(ctx, r.Client, s.Ns, resources.Defaults(s.Ns, requests, limits), object, corev1ac.ExtractLimitRange)
	return blame(err, "spec.defaultRequests or spec.defaultLimits")
}

// quota bounds the organization as a whole, and reads how much of that is in use.
func (r *Reconciler) quota(ctx context.Context, s *Scope) error {
	object := &corev1.ResourceQuota{ObjectMeta: r.bound(s)}
	hard := policy.Quota(*s.Org)
	if len(hard) == 0 {
		return r.prune(ctx, s, object, "ResourceQuota")
	}
	if err := ssa.Apply(ctx, r.Client, s.Ns, resources.Quota(s.Ns, hard), object, corev1ac.ExtractResourceQuota); err != nil {
		return blame(err, "spec.quota")
	}
	if len(object.Status.Hard) > 0 {
		s.Quota = &v1alpha1.QuotaUsage{Hard: object.Status.Hard, Used: object.Status.Used}
	}
	if missing := uncounted(hard, object.Status.Used); len(missing) > 0 {
		return phase.Wait(0, v1alpha1.ReasonProgressing,
			"The usage of %s has not been counted yet. Until then, the API server refuses to create what the quota bounds.", strings.Join(missing, ", "))
	}
	return nil
}

// uncounted returns the resources of a quota of which Kubernetes has not counted the usage yet. A count of objects that Berth does not create may be
// of a kind that does not exist, and is not waited for.
func uncounted(hard, used corev1.ResourceList) []string {
	var missing []string
	for name := range hard {
		_, counted := used[name]
		_, common := policy.Quota(v1alpha1.Organization{})[name]
		if !counted && (common || !strings.HasPrefix(string(name), "count/")) {
			missing = append(missing, string(name))
		}
	}
	slices.Sort(missing)
	return missing
}

func (*Reconciler) bound(s *Scope) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.Ns.GetName(), Name: names.OrganizationObject}
}

// prune deletes a bound that the spec does not ask for any more.
func (r *Reconciler) prune(ctx context.Context, s *Scope, object client.Object, kind string) error {
	has, err := ssa.Has(ctx, r.Client, s.Ns, object)
	if err != nil || !has {
		return err
	}
	if err := ssa.Prune(ctx, r.Client, s.Ns, object, ""); err != nil {
		return err
	}
	r.report(ctx, s.Org, v1alpha1.ReasonBoundRemoved, fmt.Sprintf("Removed %s %s from Namespace %s.", kind, object.GetName(), s.Ns.GetName()))
	return nil
}

// blame says which field of the spec an object was refused for. The one that was there before stays.
func blame(err error, field string) error {
	if !apierrors.IsInvalid(err) {
		return err
	}
	return phase.Stall(v1alpha1.ReasonInvalid, "%s is not valid, so the last valid value stays in effect. %s", field, phase.Refusal(err))
}
