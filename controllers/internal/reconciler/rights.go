package reconciler

import (
	"context"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/controllers/internal/watches"
	"github.com/berth-dev/berth/internal/rbac"
)

const (
	// rightsSettle is the age up to which a RoleBinding may not hold yet: the API server learns of it by a watch, as everybody does.
	rightsSettle = time.Minute
	// RightsAgain is when it is looked at again whether it holds.
	RightsAgain = 50 * time.Millisecond
)

// RightsComeOrGo lets through that the controllers get or lose their rights in an organization.
var RightsComeOrGo = predicate.And(watches.ComesOrGoes, predicate.NewPredicateFuncs(func(o client.Object) bool {
	return o.GetName() == rbac.ServiceAccountOperator
}))

// RequireRights waits until the controllers may write in an organization, which they do by a RoleBinding that they make first of all.
func (b Base) RequireRights(ctx context.Context, ns *corev1.Namespace) error {
	binding := &rbacv1.RoleBinding{}
	err := b.Client.Get(ctx, client.ObjectKey{Namespace: ns.GetName(), Name: rbac.ServiceAccountOperator}, binding)
	if apierrors.IsNotFound(err) {
		return phase.Wait(0, v1alpha1.ReasonProgressing, "Organization %s is being set up.", ns.GetName())
	}
	if err != nil {
		return err
	}
	if !metav1.IsControlledBy(binding, ns) {
		return &ssa.NotOwnedError{Kind: "RoleBinding", Name: binding.GetName()}
	}
	if b.Clock.Since(binding.GetCreationTimestamp().Time) > rightsSettle {
		b.Rights.Delete(ns.GetName())
		return nil
	}
	hold, err := b.rightsHold(ctx, binding)
	if err != nil || hold {
		return err
	}
	return phase.Wait(RightsAgain, v1alpha1.ReasonProgressing, "Organization %s is being set up.", ns.GetName())
}

// verdict is what the API server has said of the rights that a RoleBinding gives.
type verdict struct {
	binding types.UID
	hold    bool
	at      time.Time
}

// rightsHold reports whether the rights hold that a young RoleBinding gives to the controllers. That they do is asked for until it is so, but not by
// each of the organization's objects.
func (b Base) rightsHold(ctx context.Context, binding *rbacv1.RoleBinding) (bool, error) {
	if said, ok := b.Rights.Load(binding.GetNamespace()); ok {
		v, _ := said.(verdict)
		if v.binding == binding.GetUID() && (v.hold || b.Clock.Since(v.at) < RightsAgain) {
			return v.hold, nil
		}
	}
	hold, err := b.mayWrite(ctx, binding.GetNamespace())
	if err == nil {
		b.Rights.Store(binding.GetNamespace(), verdict{binding: binding.GetUID(), hold: hold, at: b.Clock.Now()})
	}
	return hold, err
}

// mayWrite asks the API server whether the controllers' rights in an organization hold.
func (b Base) mayWrite(ctx context.Context, namespace string) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "patch", Resource: "secrets"},
	}}
	err := b.Client.Create(ctx, review, client.DisableReadYourWritesConsistency) // There is nothing to read afterwards.
	return review.Status.Allowed, err
}
