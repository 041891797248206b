package objects

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// IsLabelled reports whether a Namespace has the label of organizations.
func IsLabelled(ns *corev1.Namespace) bool {
	_, labelled := ns.GetLabels()[v1alpha1.LabelOrganization]
	return labelled
}

// IsProven reports whether the organization of a Domain has proven that the host is its own.
func IsProven(d *v1alpha1.Domain) bool { return d.Status.VerifiedHost == d.Spec.Host }

// IsForDomains reports whether a Secret is one that Domains name.
func IsForDomains(secret *corev1.Secret) bool {
	label := secret.GetLabels()[v1alpha1.LabelSecret]
	return label == v1alpha1.SecretCertificate || label == v1alpha1.SecretMailPassword
}

// IsOrganizations reports whether an organization controls an object.
func IsOrganizations(o metav1.Object) bool {
	ref := metav1.GetControllerOfNoCopy(o)
	return ref != nil && ref.APIVersion == corev1.SchemeGroupVersion.String() && ref.Kind == "Namespace"
}

// OrganizationOf returns the name of a Namespace, or of the one that an object lies in.
func OrganizationOf(o metav1.Object) string { return cmp.Or(o.GetNamespace(), o.GetName()) }

// ExternalID returns the external id of the organization that has a Namespace, or nothing.
func ExternalID(namespace client.Object) string {
	return namespace.GetAnnotations()[v1alpha1.AnnotationExternalID]
}

// BerthController returns the reference to the App or Domain that controls an object, or nil.
func BerthController(o metav1.Object) *metav1.OwnerReference {
	ref := metav1.GetControllerOfNoCopy(o)
	if ref == nil || ref.APIVersion != v1alpha1.GroupVersion.String() {
		return nil
	}
	return ref
}

// IsOurs reports whether an App, a Domain or an organization controls an object.
func IsOurs(o metav1.Object) bool { return BerthController(o) != nil || IsOrganizations(o) }
