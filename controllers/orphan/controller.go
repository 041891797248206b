// Package orphan deletes objects that Berth made for Apps and Domains that no longer exist.
package orphan

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
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/watches"
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

// Orphaned is the key by which IndexOrphaned has all orphaned objects.
const Orphaned = "orphaned"

// Kind is a kind of objects that Apps and Domains have.
type Kind struct {
	name   string
	Object client.Object
	list   func() client.ObjectList
}

// Kinds returns the kinds in the order in which orphaned objects are deleted: what visitors reach goes first, and a Certificate before the Secret
// that cert-manager would write again.
func Kinds() []Kind {
	return []Kind{
		{"Ingress", &networkingv1.Ingress{}, func() client.ObjectList { return &networkingv1.IngressList{} }},
		{"Certificate", &cmv1.Certificate{}, func() client.ObjectList { return &cmv1.CertificateList{} }},
		{"Service", &corev1.Service{}, func() client.ObjectList { return &corev1.ServiceList{} }},
		{"Deployment", &appsv1.Deployment{}, func() client.ObjectList { return &appsv1.DeploymentList{} }},
		{"Secret", &corev1.Secret{}, func() client.ObjectList { return &corev1.SecretList{} }},
	}
}

// Reconciler deletes the orphaned objects in the Namespaces of organizations. An orphaned Ingress would serve a host whose claim has ended, and
// orphaned Deployments and Certificates would exceed the bounds of the organization. Its requests are Namespaces.
type Reconciler struct {
	reconciler.Base
}

// Setup adds the orphan controller to a manager.
func Setup(mgr manager.Manager, b reconciler.Base, o controller.Options) error {
	namespace := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		return watches.Request("", o.GetNamespace())
	})
	watched := builder.ControllerManagedBy(mgr).
		Named("orphan").
		WithOptions(o).
		Watches(&v1alpha1.App{}, namespace, builder.WithPredicates(watches.Goes)).
		Watches(&v1alpha1.Domain{}, namespace, builder.WithPredicates(watches.Goes)).
		Watches(&rbacv1.RoleBinding{}, namespace, builder.WithPredicates(reconciler.RightsComeOrGo))
	for _, kind := range Kinds() {
		watched = watched.Watches(kind.Object, namespace, builder.WithPredicates(becomesOrphaned))
	}
	return watched.Complete(b.Instrument("Orphan", &Reconciler{Base: b}))
}

// becomesOrphaned lets through orphaned objects that come or change.
var becomesOrphaned = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return objects.IsOrphaned(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool { return objects.IsOrphaned(e.ObjectNew) },
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// Reconcile deletes the orphaned objects in a Namespace.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var found []orphanedObject
	for _, kind := range Kinds() {
		ofKind, err := r.orphansOf(ctx, kind, req.Name)
		if err != nil {
			return reconcile.Result{}, err
		}
		found = append(found, ofKind...)
	}
	if len(found) == 0 {
		return reconcile.Result{}, nil
	}
	phases := []phase.Phase[string]{{Name: reconciler.PhaseOrganization, Gate: true, Run: r.RequireWritable}}
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
func (r *Reconciler) orphansOf(ctx context.Context, kind Kind, namespace string) ([]orphanedObject, error) {
	list := kind.list()
	if err := watches.Indexed(ctx, r.Client, list, namespace, watches.IndexOrphaned, Orphaned); err != nil {
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
func (r *Reconciler) delete(ctx context.Context, o orphanedObject) error {
	if has, err := r.hasOwner(ctx, o.object); err != nil || has {
		return err
	}
	err := r.Client.Delete(ctx, o.object, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{
		UID: new(o.object.GetUID()), ResourceVersion: new(o.object.GetResourceVersion()),
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("Deleted an orphaned object", "kind", o.kind, "namespace", o.object.GetNamespace(), "name", o.object.GetName())
	r.Recorder.Eventf(o.object, nil, corev1.EventTypeNormal, eventOrphanDeleted, eventDeleteOrphan,
		"Deleted %s %s, since the App or Domain that it belonged to is gone.", o.kind, o.object.GetName())
	return nil
}

// hasOwner reports whether the App or Domain that an orphaned object was made for exists, and an object of this name is still one of its own.
func (r *Reconciler) hasOwner(ctx context.Context, o client.Object) (bool, error) {
	if uid, ok := o.GetLabels()[v1alpha1.LabelDomain]; ok {
		var domains v1alpha1.DomainList
		err := watches.Indexed(ctx, r.Client, &domains, o.GetNamespace(), watches.IndexUID, uid)
		return len(domains.Items) > 0 && domains.Items[0].GetDeletionTimestamp().IsZero(), err
	}
	var app v1alpha1.App
	name := o.GetLabels()[v1alpha1.LabelApp]
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: name}, &app)
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
