package controllers

import (
	"context"
	"crypto/rand"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch;patch

// externalIDLength is how many characters an external id has. Customers write it into policies, and AWS takes 2 to 1224 of them.
const externalIDLength = 32

// organizationReconciler gives each organization its external id.
type organizationReconciler struct {
	client client.Client
}

func setupOrganization(mgr manager.Manager, b base, o controller.Options) error {
	return builder.ControllerManagedBy(mgr).
		Named("organization").
		WithOptions(o).
		For(&corev1.Namespace{}).
		Complete(reconcile.AsReconciler(b.client, &organizationReconciler{client: b.client}))
}

// Reconcile makes the external id of an organization that has none. It never changes one: customers rely on it.
func (r *organizationReconciler) Reconcile(ctx context.Context, ns *corev1.Namespace) (reconcile.Result, error) {
	if ns.GetAnnotations()[v1alpha1.AnnotationExternalID] != "" || !ns.GetDeletionTimestamp().IsZero() {
		return reconcile.Result{}, nil
	}
	// With the lock, an id that somebody else has written meanwhile makes this write fail.
	patch := client.MergeFromWithOptions(ns.DeepCopy(), client.MergeFromWithOptimisticLock{})
	metav1.SetMetaDataAnnotation(&ns.ObjectMeta, v1alpha1.AnnotationExternalID, newExternalID())
	return reconcile.Result{}, r.client.Patch(ctx, ns, patch, client.FieldOwner(v1alpha1.FieldOwner))
}

// newExternalID returns letters and digits with 160 bits of chance.
func newExternalID() string {
	return (rand.Text() + rand.Text())[:externalIDLength]
}
