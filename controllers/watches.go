package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/host"
	"github.com/berth-dev/berth/internal/policy"
)

// comesOrGoes lets through that an object enters or leaves the cache, and none of its changes.
var comesOrGoes = predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}

// asksOtherwise lets through that a Domain comes or goes, and that it asks for another host, App or certificate: nothing else of it concerns the App
// that it mirrors, or other Domains.
var asksOtherwise = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Domain)
	after, alsoOK := e.ObjectNew.(*v1alpha1.Domain)
	return ok && alsoOK && (before.Spec.Host != after.Spec.Host || before.Spec.AppRef != after.Spec.AppRef ||
		!equality.Semantic.DeepEqual(before.Spec.TLS, after.Spec.TLS) ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero())
}}

// goes lets through that an object begins to be deleted, and that it leaves the cache.
var goes = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

// secretChanged lets through what the cache keeps of a Secret: what it is for, which keys it has, and which certificate; and of one with a
// login, that something has changed, since the login isn't kept.
var secretChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Secret)
	after, alsoOK := e.ObjectNew.(*corev1.Secret)
	return ok && alsoOK && (!equality.Semantic.DeepEqual(before.Data, after.Data) ||
		!equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) ||
		after.GetLabels()[v1alpha1.LabelSecret] == v1alpha1.SecretRegistry && before.GetResourceVersion() != after.GetResourceVersion())
}}

// policyChanged lets through that an Organization comes or goes, and that what it says of its Apps and Domains changes.
var policyChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Organization)
	after, alsoOK := e.ObjectNew.(*v1alpha1.Organization)
	return ok && alsoOK && (before.GetGeneration() != after.GetGeneration() || before.Status.UserNamespaces != after.Status.UserNamespaces ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() || namespaceRefused(before) != namespaceRefused(after))
}}

// organizationChanged lets through that the Namespace of an organization comes or goes, that it gets its external id, and that another Pod
// Security Standard is enforced in it.
var organizationChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return externalID(e.ObjectOld) != externalID(e.ObjectNew) ||
		e.ObjectOld.GetLabels()[policy.LabelPodSecurity] != e.ObjectNew.GetLabels()[policy.LabelPodSecurity]
}}

// statusChanged lets through that what is said of an App or a Domain changes. Mostly its own controller has said so, and finds nothing to do; but it
// may have been one whose answer was lost, or that had led before, and then nobody else would set it right.
var statusChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !equality.Semantic.DeepEqual(statusOf(e.ObjectOld), statusOf(e.ObjectNew))
}}

func statusOf(o client.Object) any {
	switch o := o.(type) {
	case *v1alpha1.App:
		return o.Status
	case *v1alpha1.Domain:
		return o.Status
	case *v1alpha1.Organization:
		return o.Status
	default:
		return nil
	}
}

// tokenChanged lets through that organizations come and go, and that one gets a token to prove by that a host is its own.
var tokenChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationVerificationToken] != e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationVerificationToken]
}}

// ownedOrNew lets through all that happens to Berth's own objects, and that objects of others come and go: an App may wait for the name
// of one.
var ownedOrNew = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return isOurs(e.ObjectOld) || isOurs(e.ObjectNew)
}}

// podChanged lets through what the status of an App is made of. Pods are stripped of the rest when they enter the cache.
var podChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Pod)
	after, alsoOK := e.ObjectNew.(*corev1.Pod)
	return ok && alsoOK && (!equality.Semantic.DeepEqual(before.Status, after.Status) ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero())
}}

// berthController returns the reference to the App or Domain that controls an object, or nil.
func berthController(o metav1.Object) *metav1.OwnerReference {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil || ref.APIVersion != v1alpha1.GroupVersion.String() {
		return nil
	}
	return ref
}

// isOurs reports whether an App, a Domain or an organization controls an object.
func isOurs(o metav1.Object) bool { return berthController(o) != nil || isOrganizations(o) }

// toApp returns the App that controls an object. An object that nothing of Berth's controls may be in the way of the App of its name.
func toApp(_ context.Context, o client.Object) []reconcile.Request {
	ref := berthController(o)
	switch {
	case ref == nil:
		return request(o.GetNamespace(), o.GetName())
	case ref.Kind == "App":
		return request(o.GetNamespace(), ref.Name)
	default:
		return nil
	}
}

// toDomain returns the Domain that controls an object.
func toDomain(_ context.Context, o client.Object) []reconcile.Request {
	if ref := berthController(o); ref != nil && ref.Kind == "Domain" {
		return request(o.GetNamespace(), ref.Name)
	}
	return nil
}

// labelledApp returns the App that an object's label names, if it has the label.
func labelledApp(_ context.Context, o client.Object) []reconcile.Request {
	app, ok := o.GetLabels()[v1alpha1.LabelApp]
	if !ok {
		return nil
	}
	return request(o.GetNamespace(), app)
}

// namedSecrets returns the Secrets that a Domain, an App, or the environment of a ReplicaSet names.
func namedSecrets(_ context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, name := range secretNames(o) {
		requests = append(requests, request(o.GetNamespace(), name)...)
	}
	return requests
}

// appsOfSecret returns the Apps that name a Secret, or that pull with it, or whose default host is served with what it holds or is to be.
func (r *appReconciler) appsOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	switch o.GetLabels()[v1alpha1.LabelSecret] {
	case v1alpha1.SecretTLS, v1alpha1.SecretPull:
		return labelledApp(ctx, o)
	case v1alpha1.SecretCertificate:
		return r.sites.wakeMirrored(ctx, o)
	}
	return requests(ctx, r.client, &v1alpha1.AppList{}, o.GetNamespace(), client.MatchingFields{indexSecret: o.GetName()})
}

// appsOfNamespace returns all Apps of a Namespace, or of the one that an object lies in.
func (r *appReconciler) appsOfNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return requests(ctx, r.client, &v1alpha1.AppList{}, organizationOf(o))
}

// appsOfHost returns the Apps that ask for the host of a claim, or for the same host as a Domain.
func (r *appReconciler) appsOfHost(ctx context.Context, o client.Object) []reconcile.Request {
	return requests(ctx, r.client, &v1alpha1.AppList{}, metav1.NamespaceAll, client.MatchingFields{indexHost: hostOf(o, r.rules)})
}

// domainsOfNamespace returns all Domains of a Namespace, or of the one that an object lies in.
func (r *domainReconciler) domainsOfNamespace(ctx context.Context, o client.Object) []reconcile.Request {
	return requests(ctx, r.client, &v1alpha1.DomainList{}, organizationOf(o))
}

// domainsOfApp returns the Domains that name an App.
func (r *domainReconciler) domainsOfApp(ctx context.Context, o client.Object) []reconcile.Request {
	return r.domainsBy(ctx, o, indexApp, o.GetName())
}

// mirrorsOfApp returns the Domains that mirror an App, which are all that its spec and its status concern.
func (r *domainReconciler) mirrorsOfApp(ctx context.Context, o client.Object) []reconcile.Request {
	return r.sites.wakeMirrors(ctx, o.GetNamespace(), o.GetName())
}

// domainsOfChild returns the Domain that controls a route or a Certificate, or those that mirror the App that does.
func (r *domainReconciler) domainsOfChild(ctx context.Context, o client.Object) []reconcile.Request {
	if ref := berthController(o); ref != nil && ref.Kind == "App" {
		return r.sites.wakeMirrors(ctx, o.GetNamespace(), ref.Name)
	}
	return toDomain(ctx, o)
}

// domainsOfSecret returns the Domains that name a Secret, or whose host is served with what it holds or is to be. That one is known by the
// label that cert-manager gives a Secret when it makes it, or by the owner that the Secret gets then: an owner's name also finds a Domain that
// was made anew while the Secret was still there. What a user has put in the way of a copy isn't: the Domain is looked at again after a while.
func (r *domainReconciler) domainsOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	all := append(toDomain(ctx, o), r.domainsBy(ctx, o, indexSecret, o.GetName())...)
	labels := o.GetLabels()
	if uid, ok := labels[v1alpha1.LabelDomain]; ok {
		all = append(all, r.domainsBy(ctx, o, indexUID, uid)...)
	}
	if app, ok := labels[v1alpha1.LabelApp]; ok && labels[v1alpha1.LabelSecret] == v1alpha1.SecretTLS {
		all = append(all, r.sites.wakeMirrors(ctx, o.GetNamespace(), app)...)
	}
	return all
}

// domainsBy returns the Domains in the Namespace of an object that an index has under a key.
func (r *domainReconciler) domainsBy(ctx context.Context, o client.Object, index, key string) []reconcile.Request {
	return requests(ctx, r.client, &v1alpha1.DomainList{}, o.GetNamespace(), client.MatchingFields{index: key})
}

// domainsOfHost returns the Domains that ask for the host of a claim.
func (r *domainReconciler) domainsOfHost(ctx context.Context, o client.Object) []reconcile.Request {
	return requests(ctx, r.client, &v1alpha1.DomainList{}, metav1.NamespaceAll, client.MatchingFields{indexHost: hostOf(o, r.rules)})
}

// hostOf returns the host that a claim is of, or that an App or a Domain asks for.
func hostOf(o client.Object, rules host.Rules) string {
	switch o := o.(type) {
	case *v1alpha1.HostClaim:
		return o.GetName()
	case *v1alpha1.Domain:
		return o.Spec.Host
	default:
		return host.Default(o.GetName(), rules.BaseDomain)
	}
}

func request(namespace, name string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// requests returns a request for each object of the list's kind in a Namespace that the options select.
func requests(ctx context.Context, c client.Reader, list client.ObjectList, namespace string, opts ...client.ListOption) []reconcile.Request {
	opts = append(opts, client.InNamespace(namespace), client.DisableReadYourWritesConsistency)
	if err := c.List(ctx, list, opts...); err != nil {
		return unlistable(ctx, err)
	}
	var all []reconcile.Request
	_ = meta.EachListItem(list, func(o runtime.Object) error {
		if accessor, err := meta.Accessor(o); err == nil {
			all = append(all, request(accessor.GetNamespace(), accessor.GetName())...)
		}
		return nil
	})
	return all
}

// unlistable logs why it can't be told whom an event concerns. A list of the cache fails only before the cache has started, and then each
// object is reconciled anyway.
func unlistable(ctx context.Context, err error) []reconcile.Request {
	log.FromContext(ctx).Error(err, "Cannot list what an event concerns")
	return nil
}

// forgetDeleted forgets what is remembered of Apps that are gone.
func (r *appReconciler) forgetDeleted() handler.EventHandler {
	return onDelete(func(o client.Object) {
		r.ports.forget(o.GetUID())
		if r.images != nil {
			r.images.Forget(o.GetUID())
		}
	})
}

// onDelete returns a handler that forgets what is remembered of deleted objects, and enqueues nothing.
func onDelete(forget func(client.Object)) handler.EventHandler {
	return handler.Funcs{
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			forget(e.Object)
		},
	}
}
