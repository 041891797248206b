// Package watches has what the watches of several controllers use: predicates, requests and the names of indexes.
package watches

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/objects"
	"github.com/berth-dev/berth/internal/policy"
)

// ComesOrGoes lets through that an object enters or leaves the cache, and none of its changes.
var ComesOrGoes = predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}

// AsksOtherwise lets through that a Domain comes or goes, and that it asks for another host, App or certificate: nothing else of it concerns the App
// that it mirrors, or other Domains.
var AsksOtherwise = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Domain)
	after, alsoOK := e.ObjectNew.(*v1alpha1.Domain)
	return ok && alsoOK && (before.Spec.Host != after.Spec.Host || before.Spec.AppRef != after.Spec.AppRef ||
		!equality.Semantic.DeepEqual(before.Spec.TLS, after.Spec.TLS) ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero())
}}

// Goes lets through that an object begins to be deleted, and that it leaves the cache.
var Goes = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

// SecretChanged lets through what the cache keeps of a Secret: what it is for, which keys it has, and which certificate; and of one with a
// login, that something has changed, since the login isn't kept.
var SecretChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Secret)
	after, alsoOK := e.ObjectNew.(*corev1.Secret)
	return ok && alsoOK && (!equality.Semantic.DeepEqual(before.Data, after.Data) ||
		!equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) ||
		after.GetLabels()[v1alpha1.LabelSecret] == v1alpha1.SecretRegistry && before.GetResourceVersion() != after.GetResourceVersion())
}}

// OrganizationChanged lets through that the Namespace of an organization comes or goes, that it gets its external id, and that another Pod
// Security Standard is enforced in it.
var OrganizationChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return objects.ExternalID(e.ObjectOld) != objects.ExternalID(e.ObjectNew) ||
		e.ObjectOld.GetLabels()[policy.LabelPodSecurity] != e.ObjectNew.GetLabels()[policy.LabelPodSecurity]
}}

// StatusChanged lets through that what is said of an App or a Domain changes. Mostly its own controller has said so, and finds nothing to do; but it
// may have been one whose answer was lost, or that had led before, and then nobody else would set it right.
var StatusChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
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

// TokenChanged lets through that organizations come and go, and that one gets a token to prove by that a host is its own.
var TokenChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationVerificationToken] != e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationVerificationToken]
}}

// OwnedOrNew lets through all that happens to Berth's own objects, and that objects of others come and go: an App may wait for the name
// of one.
var OwnedOrNew = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return objects.IsOurs(e.ObjectOld) || objects.IsOurs(e.ObjectNew)
}}

// PodChanged lets through what the status of an App is made of. Pods are stripped of the rest when they enter the cache.
var PodChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*corev1.Pod)
	after, alsoOK := e.ObjectNew.(*corev1.Pod)
	return ok && alsoOK && (!equality.Semantic.DeepEqual(before.Status, after.Status) ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero())
}}
