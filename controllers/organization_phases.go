package controllers

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
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/policy"
	"github.com/berth-dev/berth/internal/rbac"
)

// podSecurity bounds what the Pods of an organization may do to their node, unless an administrator has set a level on the Namespace.
func (r *organizationReconciler) podSecurity(ctx context.Context, s *organizationScope) error {
	have, err := corev1ac.ExtractNamespace(s.ns, v1alpha1.FieldOwner)
	if err != nil {
		return err
	}
	return ssa.Share(ctx, r.client, desired.PodSecurity(s.ns, have.Labels, s.org.Spec.PodSecurity), s.ns, corev1ac.ExtractNamespace)
}

// bind makes one of the RoleBindings.
func (r *organizationReconciler) bind(ctx context.Context, ns *corev1.Namespace, b rbac.Binding) error {
	return ssa.Apply(ctx, r.grants, ns, desired.RoleBinding(ns, b), &rbacv1.RoleBinding{}, rbacv1ac.ExtractRoleBinding)
}

// isolation lets the router and the organization's own Pods alone reach its Pods, and denies them the platform's addresses.
func (r *organizationReconciler) isolation(ctx context.Context, s *organizationScope) error {
	network, err := r.isolated(ctx)
	if err != nil {
		return err
	}
	if s.org.Spec.Egress != nil {
		network.AllowedNamespaces = slices.Concat(network.AllowedNamespaces, s.org.Spec.Egress.AllowedNamespaces)
		for _, text := range s.org.Spec.Egress.DeniedNetworks {
			denied, err := netip.ParsePrefix(text)
			if err != nil {
				return phase.Stall(v1alpha1.ReasonInvalid, "spec.egress.deniedNetworks: %q is not a network in CIDR notation.", text)
			}
			network.Denied = append(network.Denied, denied)
		}
	}
	want := desired.NetworkPolicy(s.ns, network)
	return ssa.Apply(ctx, r.client, s.ns, want, &networkingv1.NetworkPolicy{}, networkingv1ac.ExtractNetworkPolicy)
}

// defaults bounds containers that say nothing about resources.
func (r *organizationReconciler) defaults(ctx context.Context, s *organizationScope) error {
	object := &corev1.LimitRange{ObjectMeta: r.bound(s)}
	requests, limits := policy.Requests(*s.org), policy.Limits(*s.org)
	if len(requests)+len(limits) == 0 {
		return r.prune(ctx, s, object, "LimitRange")
	}
	err := ssa.Apply(ctx, r.client, s.ns, desired.Defaults(s.ns, requests, limits), object, corev1ac.ExtractLimitRange)
	return blame(err, "spec.defaultRequests or spec.defaultLimits")
}

// quota bounds the organization as a whole, and reads how much of that is in use.
func (r *organizationReconciler) quota(ctx context.Context, s *organizationScope) error {
	object := &corev1.ResourceQuota{ObjectMeta: r.bound(s)}
	hard := policy.Quota(*s.org)
	if len(hard) == 0 {
		return r.prune(ctx, s, object, "ResourceQuota")
	}
	if err := ssa.Apply(ctx, r.client, s.ns, desired.Quota(s.ns, hard), object, corev1ac.ExtractResourceQuota); err != nil {
		return blame(err, "spec.quota")
	}
	if len(object.Status.Hard) > 0 {
		s.quota = &v1alpha1.QuotaUsage{Hard: object.Status.Hard, Used: object.Status.Used}
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

func (*organizationReconciler) bound(s *organizationScope) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.ns.GetName(), Name: names.OrganizationObject}
}

// prune deletes a bound that the spec does not ask for any more.
func (r *organizationReconciler) prune(ctx context.Context, s *organizationScope, object client.Object, kind string) error {
	has, err := ssa.Has(ctx, r.client, s.ns, object)
	if err != nil || !has {
		return err
	}
	if err := ssa.Prune(ctx, r.client, s.ns, object); err != nil {
		return err
	}
	r.report(ctx, s.org, v1alpha1.ReasonBoundRemoved, fmt.Sprintf("Removed %s %s from Namespace %s.", kind, object.GetName(), s.ns.GetName()))
	return nil
}

// blame says which field of the spec an object was refused for. The one that was there before stays.
func blame(err error, field string) error {
	if !apierrors.IsInvalid(err) {
		return err
	}
	return phase.Stall(v1alpha1.ReasonInvalid, "%s is not valid, so the last valid value stays in effect. %s", field, phase.Refusal(err))
}
