// Package secretgc deletes environment Secrets and private keys that nothing uses any longer.
package secretgc

import (
	"context"
	"slices"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/exposure"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/controllers/internal/phase"
	"github.com/berth-dev/berth/controllers/internal/reconciler"
	"github.com/berth-dev/berth/controllers/internal/watches"
)

// In organizations alone:
// +kubebuilder:rbac:roleName=berth-operator-organization,groups="",resources=secrets,verbs=delete

// SecretGrace is the age up to which a Secret is kept that nothing has named yet: its creator may be about to write the App or Domain that does.
const SecretGrace = 10 * time.Minute

// secretAgain is when a Secret is looked at again that is replaced, while Pods may still be about to run with it.
const secretAgain = 5 * time.Second

// Reconciler deletes the Secrets that hold the values of REST clients once nothing names them: a changed value is written to a new Secret.
// One that an App or Domain has named and that was replaced is deleted at once. An old environment is kept while Pods run with it, since a
// container reads it whenever it starts, and while a rollback of the Deployment would run Pods with it.
//
// It also looks after the private keys that no App or Domain has any longer: it keeps those of certificates that can be used again for a while, and
// deletes those that cert-manager leaves behind. The garbage collector may delete the Secret of a Certificate before the Certificate, and then
// cert-manager makes it anew, without an owner that takes it along.
type Reconciler struct {
	exposure.Exposures
}

// Setup adds the Secret controller to a manager.
func Setup(mgr manager.Manager, s exposure.Exposures, o controller.Options) error {
	r := &Reconciler{Exposures: s}
	named, issued := handler.EnqueueRequestsFromMapFunc(NamedSecrets), handler.EnqueueRequestsFromMapFunc(issuedSecret)
	return builder.ControllerManagedBy(mgr).
		Named("secret").
		WithOptions(o).
		For(&corev1.Secret{}, builder.WithPredicates(predicate.Or(watches.ComesOrGoes, disowned))).
		Watches(&v1alpha1.App{}, named, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Domain{}, named, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(r.secretsOfReplicaSet), builder.WithPredicates(comesGoesOrScales)).
		Watches(&v1alpha1.App{}, issued, builder.WithPredicates(watches.Goes)).
		Watches(&v1alpha1.Domain{}, issued, builder.WithPredicates(watches.Goes)).
		Watches(&cmv1.Certificate{}, issued, builder.WithPredicates(watches.Goes)).
		Watches(&v1alpha1.HostClaim{}, handler.EnqueueRequestsFromMapFunc(r.secretsOfClaim), builder.WithPredicates(hostLost)).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(r.secretsOfBinding), builder.WithPredicates(reconciler.RightsComeOrGo)).
		Complete(s.Instrument("Secret", reconcile.AsReconciler(s.Client, r)))
}

// Reconcile deletes the Secret if it is a REST client's, old, and nothing names it, or if cert-manager has left it behind and its certificate cannot be
// used again.
func (r *Reconciler) Reconcile(ctx context.Context, secret *corev1.Secret) (reconcile.Result, error) {
	if !secret.GetDeletionTimestamp().IsZero() {
		return reconcile.Result{}, nil
	}
	allowed := phase.Run(ctx, secret, phase.Phase[*corev1.Secret]{Name: "organization", Gate: true, Run: r.organization})
	if allowed.Gate() != nil {
		return allowed.Result()
	}
	if isUnownedKey(secret) {
		return r.reconcileUnowned(ctx, secret)
	}
	namers := namersOf(secret)
	if len(namers) == 0 {
		return reconcile.Result{}, nil
	}
	for _, list := range namers {
		named, err := r.isNamedBy(ctx, list, secret)
		if err != nil || named {
			return reconcile.Result{}, err
		}
	}
	replaced, err := r.IsReplaced(ctx, secret)
	if err != nil {
		return reconcile.Result{}, err
	}
	left := SecretGrace - r.Clock.Since(secret.GetCreationTimestamp().Time)
	if !replaced && left > 0 {
		return reconcile.Result{RequeueAfter: left}, nil
	}
	if replaced && left > 0 {
		if run, err := r.IsRun(ctx, secret); err != nil || run {
			return reconcile.Result{RequeueAfter: secretAgain}, err
		}
	}
	return reconcile.Result{}, r.delete(ctx, secret, "nothing uses it any longer")
}

// organization lets Secrets be deleted only where the controllers may.
func (r *Reconciler) organization(ctx context.Context, secret *corev1.Secret) error {
	return r.RequireWritable(ctx, secret.GetNamespace())
}

// secretsOfBinding returns all Secrets of the Namespace that a RoleBinding lies in.
func (r *Reconciler) secretsOfBinding(ctx context.Context, o client.Object) []reconcile.Request {
	return watches.Requests(ctx, r.Client, &corev1.SecretList{}, o.GetNamespace())
}

// disowned lets through that an App or Domain does not control a Secret any longer.
var disowned = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return metav1.GetControllerOfNoCopy(e.ObjectOld) != nil && metav1.GetControllerOfNoCopy(e.ObjectNew) == nil
}}

// hostLost lets through that a host goes from an organization to another one, or that its claim is deleted.
var hostLost = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return !slices.Equal(objects.ClaimOrganization(e.ObjectOld), objects.ClaimOrganization(e.ObjectNew))
	},
}

// secretsOfClaim returns all Secrets of the organization that has a host.
func (r *Reconciler) secretsOfClaim(ctx context.Context, o client.Object) []reconcile.Request {
	var all []reconcile.Request
	for _, organization := range objects.ClaimOrganization(o) {
		all = append(all, watches.Requests(ctx, r.Client, &corev1.SecretList{}, organization)...)
	}
	return all
}

// IsReplaced reports whether the App or Domain that controls a Secret, and so has named it, exists and no longer does. The API server is asked: right
// after a change of leader, the cache may still have an older version of the owner.
func (r *Reconciler) IsReplaced(ctx context.Context, secret *corev1.Secret) (bool, error) {
	ref := objects.BerthController(secret)
	if ref == nil {
		return false, nil
	}
	var owners client.ObjectList = &v1alpha1.AppList{}
	if ref.Kind == "Domain" {
		owners = &v1alpha1.DomainList{}
	}
	// The controllers may list these, but not get them.
	if err := r.Live.List(ctx, owners, client.InNamespace(secret.GetNamespace()), client.MatchingFields{metav1.ObjectNameField: ref.Name}); err != nil {
		return false, err
	}
	replaced := false
	err := meta.EachListItem(owners, func(o runtime.Object) error {
		owner, ok := o.(client.Object)
		replaced = replaced || ok && owner.GetUID() == ref.UID && !slices.Contains(objects.SecretNames(owner), secret.GetName())
		return nil
	})
	return replaced, err
}

// delete deletes a Secret and reports it with the reason, as ssa.Journal.Deleted says. The resource version makes that fail if the Secret was changed
// since, to be used again.
func (r *Reconciler) delete(ctx context.Context, secret *corev1.Secret, why string) error {
	err := r.Client.Delete(ctx, secret, client.Preconditions{UID: new(secret.GetUID()), ResourceVersion: new(secret.GetResourceVersion())})
	if err == nil && why != "" {
		r.Journal.Deleted(ctx, secret, "Secret", secret, why)
	}
	return client.IgnoreNotFound(err)
}

// namersOf returns lists of what may name a Secret, if it is to go when nothing does. A login for a registry, and what Domains name, is a
// user's own unless it has the label of an App, and then nobody else's to delete.
func namersOf(secret *corev1.Secret) []client.ObjectList {
	_, made := secret.GetLabels()[v1alpha1.LabelApp]
	switch {
	case secret.GetLabels()[v1alpha1.LabelSecret] == v1alpha1.SecretEnv:
		return []client.ObjectList{&v1alpha1.AppList{}, &appsv1.ReplicaSetList{}}
	case made && secret.GetLabels()[v1alpha1.LabelSecret] == v1alpha1.SecretRegistry:
		return []client.ObjectList{&v1alpha1.AppList{}}
	case made && objects.IsForDomains(secret):
		return []client.ObjectList{&v1alpha1.DomainList{}}
	default:
		return nil
	}
}

// isNamedBy reports whether an object of the list's kind names the Secret and, if it is a ReplicaSet, may run Pods with it.
func (r *Reconciler) isNamedBy(ctx context.Context, list client.ObjectList, secret *corev1.Secret) (bool, error) {
	if err := watches.Indexed(ctx, r.Client, list, secret.GetNamespace(), watches.IndexSecret, secret.GetName()); err != nil {
		return false, err
	}
	if sets, ok := list.(*appsv1.ReplicaSetList); ok {
		return r.anyNeeded(ctx, sets.Items)
	}
	return meta.LenList(list) > 0, nil
}
