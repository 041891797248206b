package controllers

import (
	"context"
	"crypto/rand"

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
	"github.com/berth-dev/berth/internal/access"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/quantities"
)

// externalIDLength is how many characters an external id has. Customers write it into policies, and AWS takes 2 to 1224 of them.
const externalIDLength = 32

// identify makes the external id of an organization that has none, and the token by which it proves that a host is its own. It never changes
// one: customers rely on them. They are no part of what is applied, so that they stay whatever becomes of the rest.
func (r *organizationReconciler) identify(ctx context.Context, ns *corev1.Namespace) error {
	// With the lock, an id that somebody else has written meanwhile makes this write fail.
	patch := client.MergeFromWithOptions(ns.DeepCopy(), client.MergeFromWithOptimisticLock{})
	complete := true
	for _, id := range []string{v1alpha1.AnnotationExternalID, v1alpha1.AnnotationVerificationToken} {
		if ns.GetAnnotations()[id] == "" {
			metav1.SetMetaDataAnnotation(&ns.ObjectMeta, id, newID())
			complete = false
		}
	}
	if complete {
		return nil
	}
	return r.client.Patch(ctx, ns, patch, client.FieldOwner(v1alpha1.FieldOwner))
}

// newID returns letters and digits with 160 bits of chance.
func newID() string {
	return (rand.Text() + rand.Text())[:externalIDLength]
}

// podSecurity bounds what the Pods of an organization may do to their node, unless an administrator has said so.
func (r *organizationReconciler) podSecurity(ctx context.Context, ns *corev1.Namespace) error {
	have, err := corev1ac.ExtractNamespace(ns, v1alpha1.FieldOwner)
	if err != nil {
		return err
	}
	return ssa.Share(ctx, r.client, desired.PodSecurity(ns, have.Labels), ns, corev1ac.ExtractNamespace)
}

// bind makes one of the RoleBindings.
func (r *organizationReconciler) bind(ctx context.Context, ns *corev1.Namespace, b access.Binding) error {
	return ssa.Apply(ctx, r.grants, ns, desired.RoleBinding(ns, b), &rbacv1.RoleBinding{}, rbacv1ac.ExtractRoleBinding)
}

// unbind deletes one of the RoleBindings, of which the Namespace isn't known any more, if an organization controls it.
func (r *organizationReconciler) unbind(ctx context.Context, namespace, name string) error {
	binding := &rbacv1.RoleBinding{}
	err := r.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, binding)
	if err != nil || !isOrganizations(binding) {
		return client.IgnoreNotFound(err)
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, binding, client.Preconditions{UID: new(binding.GetUID())}))
}

// isolation lets nobody but the router and the organization's own Pods reach its Pods, and those not reach what is the platform's.
func (r *organizationReconciler) isolation(ctx context.Context, ns *corev1.Namespace) error {
	network, err := r.isolated(ctx)
	if err != nil {
		return err
	}
	want := desired.NetworkPolicy(ns, network)
	return ssa.Apply(ctx, r.client, ns, want, &networkingv1.NetworkPolicy{}, networkingv1ac.ExtractNetworkPolicy)
}

// defaults bounds containers that say nothing about resources. An annotation that can't be read leaves what there is.
func (r *organizationReconciler) defaults(ctx context.Context, ns *corev1.Namespace) error {
	requests, err := annotated(ns, v1alpha1.AnnotationDefaultRequests)
	if err != nil {
		return err
	}
	limits, err := annotated(ns, v1alpha1.AnnotationDefaultLimits)
	if err != nil {
		return err
	}
	object := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: ns.GetName(), Name: names.OrganizationObject}}
	if len(requests)+len(limits) == 0 {
		return ssa.Prune(ctx, r.client, ns, object)
	}
	err = ssa.Apply(ctx, r.client, ns, desired.Defaults(ns, requests, limits), object, corev1ac.ExtractLimitRange)
	return blame(err, v1alpha1.AnnotationDefaultRequests+" or "+v1alpha1.AnnotationDefaultLimits)
}

// quota bounds the organization as a whole.
func (r *organizationReconciler) quota(ctx context.Context, ns *corev1.Namespace) error {
	hard, err := annotated(ns, v1alpha1.AnnotationQuota)
	if err != nil {
		return err
	}
	object := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ns.GetName(), Name: names.OrganizationObject}}
	if len(hard) == 0 {
		return ssa.Prune(ctx, r.client, ns, object)
	}
	err = ssa.Apply(ctx, r.client, ns, desired.Quota(ns, hard), object, corev1ac.ExtractResourceQuota)
	return blame(err, v1alpha1.AnnotationQuota)
}

// annotated reads amounts of resources from an annotation. Without the annotation there are none.
func annotated(ns *corev1.Namespace, annotation string) (corev1.ResourceList, error) {
	list, err := quantities.Parse(ns.GetAnnotations()[annotation])
	if err != nil {
		return nil, phase.Stall(v1alpha1.ReasonInvalid, "The annotation %s is left out of account: %s.", annotation, err)
	}
	return list, nil
}

// blame says that an object was refused for what an annotation says.
func blame(err error, annotation string) error {
	if !apierrors.IsInvalid(err) {
		return err
	}
	return phase.Stall(v1alpha1.ReasonInvalid, "The annotation %s is left out of account: %s", annotation, phase.Refusal(err))
}
