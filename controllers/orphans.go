package controllers

import (
	"context"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/desired"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/ssa"
	"github.com/berth-dev/berth/internal/names"
)

// In organizations alone:
// +kubebuilder:rbac:roleName=berth-operator-organization,groups=apps,resources=deployments,verbs=delete
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=services,verbs=delete

// eventOrphanDeleted is the reason of an event that an orphaned object was deleted, and eventDeleteOrphan its action.
const (
	eventOrphanDeleted = "OrphanDeleted"
	eventDeleteOrphan  = "DeleteOrphan"
)

// orphaned is the key by which indexOrphaned has all orphaned objects.
const orphaned = "orphaned"

// orphanLabels are the labels that an orphaned object is known by.
var orphanLabels = []string{desired.LabelManagedBy, v1alpha1.LabelApp, v1alpha1.LabelDomain}

// isOrphaned reports whether Berth has applied an object for an App or a Domain, and nothing controls it any more: its owner was deleted with
// --cascade=orphan, or it was restored from a backup without its owner. A Secret that cert-manager has written is not counted, since the Certificate
// decides about it; see isUnownedKey. Nor is a Secret that goes with another owner.
func isOrphaned(o metav1.Object) bool {
	labels := o.GetLabels()
	_, ofApp := labels[v1alpha1.LabelApp]
	_, ofDomain := labels[v1alpha1.LabelDomain]
	if !ofApp && !ofDomain || labels[desired.LabelManagedBy] != desired.ManagedBy || metav1.GetControllerOfNoCopy(o) != nil || !ssa.IsApplied(o) {
		return false
	}
	if _, ok := o.(*corev1.Secret); !ok {
		return true
	}
	_, issued := o.GetAnnotations()[cmv1.CertificateNameKey]
	return !issued && len(o.GetOwnerReferences()) == 0
}

func byOrphaned(o client.Object) []string {
	if isOrphaned(o) {
		return []string{orphaned}
	}
	return nil
}

// orphanKind is a kind of objects that Apps and Domains have.
type orphanKind struct {
	name   string
	object client.Object
	list   func() client.ObjectList
}

// orphanKinds returns the kinds in the order in which orphaned objects are deleted: what visitors reach goes first, and a Certificate before the Secret
// that cert-manager would write again.
func orphanKinds() []orphanKind {
	return []orphanKind{
		{"Ingress", &networkingv1.Ingress{}, func() client.ObjectList { return &networkingv1.IngressList{} }},
		{"Certificate", &cmv1.Certificate{}, func() client.ObjectList { return &cmv1.CertificateList{} }},
		{"Service", &corev1.Service{}, func() client.ObjectList { return &corev1.ServiceList{} }},
		{"Deployment", &appsv1.Deployment{}, func() client.ObjectList { return &appsv1.DeploymentList{} }},
		{"Secret", &corev1.Secret{}, func() client.ObjectList { return &corev1.SecretList{} }},
	}
}

// orphanReconciler deletes the orphaned objects in the Namespaces of organizations. An orphaned Ingress would serve a host whose claim has ended, and
// orphaned Deployments and Certificates would exceed the bounds of the organization. Its requests are Namespaces.
type orphanReconciler struct {
	base
}

func setupOrphan(mgr manager.Manager, b base, o controller.Options) error {
	namespace := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		return request("", o.GetNamespace())
	})
	watched := builder.ControllerManagedBy(mgr).
		Named("orphan").
		WithOptions(o).
		Watches(&v1alpha1.App{}, namespace, builder.WithPredicates(goes)).
		Watches(&v1alpha1.Domain{}, namespace, builder.WithPredicates(goes)).
		Watches(&rbacv1.RoleBinding{}, namespace, builder.WithPredicates(rightsComeOrGo))
	for _, kind := range orphanKinds() {
		watched = watched.Watches(kind.object, namespace, builder.WithPredicates(becomesOrphaned))
	}
	return watched.Complete(b.measured("Orphan", &orphanReconciler{base: b}))
}

// becomesOrphaned lets through orphaned objects that come or change.
var becomesOrphaned = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return isOrphaned(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool { return isOrphaned(e.ObjectNew) },
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// Reconcile deletes the orphaned objects in a Namespace.
func (r *orphanReconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var found []orphanedObject
	for _, kind := range orphanKinds() {
		ofKind, err := r.orphansOf(ctx, kind, req.Name)
		if err != nil {
			return reconcile.Result{}, err
		}
		found = append(found, ofKind...)
	}
	if len(found) == 0 {
		return reconcile.Result{}, nil
	}
	phases := []phase.Phase[string]{{Name: phaseOrganization, Gate: true, Run: r.requireWritable}}
	for _, o := range found {
		phases = append(phases, phase.Phase[string]{
			Name: "delete " + o.kind, Run: func(ctx context.Context, _ string) error { return r.delete(ctx, o) },
		})
	}
	return phase.Run(ctx, req.Name, phases...).Result()
}

// orphanedObject is one with the name of its kind.
type orphanedObject struct {
	kind   string
	object client.Object
}

// orphansOf returns the orphaned objects of a kind in a Namespace that are not being deleted yet.
func (r *orphanReconciler) orphansOf(ctx context.Context, kind orphanKind, namespace string) ([]orphanedObject, error) {
	list := kind.list()
	if err := indexed(ctx, r.client, list, namespace, indexOrphaned, orphaned); err != nil {
		return nil, err
	}
	var all []orphanedObject
	err := meta.EachListItem(list, func(item runtime.Object) error {
		if o, ok := item.(client.Object); ok && o.GetDeletionTimestamp().IsZero() {
			all = append(all, orphanedObject{kind: kind.name, object: o})
		}
		return nil
	})
	return all, err
}

// delete deletes an orphaned object, unless there is the App or Domain that it is for: such an object is told of as NotOwned, and deleted with that App or
// Domain at the latest. The resource version makes the deletion fail if somebody has changed the object, which enqueues it again.
func (r *orphanReconciler) delete(ctx context.Context, o orphanedObject) error {
	if has, err := r.hasOwner(ctx, o.object); err != nil || has {
		return err
	}
	err := r.client.Delete(ctx, o.object, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{
		UID: new(o.object.GetUID()), ResourceVersion: new(o.object.GetResourceVersion()),
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("Deleted an orphaned object", "kind", o.kind, "namespace", o.object.GetNamespace(), "name", o.object.GetName())
	r.recorder.Eventf(o.object, nil, corev1.EventTypeNormal, eventOrphanDeleted, eventDeleteOrphan,
		"Deleted %s %s, since the App or Domain that it belonged to is gone.", o.kind, o.object.GetName())
	return nil
}

// hasOwner reports whether the App or Domain that an orphaned object was made for exists, and an object of this name is still one of its own.
func (r *orphanReconciler) hasOwner(ctx context.Context, o client.Object) (bool, error) {
	if uid, ok := o.GetLabels()[v1alpha1.LabelDomain]; ok {
		var domains v1alpha1.DomainList
		err := indexed(ctx, r.client, &domains, o.GetNamespace(), indexUID, uid)
		return len(domains.Items) > 0 && domains.Items[0].GetDeletionTimestamp().IsZero(), err
	}
	var app v1alpha1.App
	name := o.GetLabels()[v1alpha1.LabelApp]
	err := r.client.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: name}, &app)
	if err != nil || !app.GetDeletionTimestamp().IsZero() {
		return false, client.IgnoreNotFound(err)
	}
	switch o.(type) {
	case *networkingv1.Ingress:
		return o.GetName() == names.AppRoute(name, app.GetUID()), nil
	case *corev1.Secret:
		return o.GetName() == names.PullSecret(name) || o.GetName() == names.CustomSecret(name, app.GetUID()), nil
	default:
		return o.GetName() == name, nil
	}
}
