// Package resources says what Berth wants the cluster to hold for an App or a Domain: an App in, a Deployment out.
//
// Its functions are pure. They know no client, no context and no clock, and for the same input they return the same apply
// configuration, with nothing in it that Berth does not want to own: whatever is left out belongs to the API server's defaults or to
// other writers. A field whose value is the zero value of its Go type is left out as well: the API server doesn't store it, so that a
// comparison with what is stored would differ forever.
package resources

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
)

// Platform is what every App and Domain shares: where they answer and who signs for them.
type Platform struct {
	// BaseDomain is what default hosts end in. Example: "apps.example.com".
	BaseDomain string
	// Issuer signs the certificates.
	Issuer Issuer
	// IngressClass is the class of the Ingresses; empty leaves the choice to the cluster's default class.
	IngressClass string
	// WildcardCertificate says that the ingress controller's default certificate is good for all hosts below BaseDomain.
	WildcardCertificate bool
	// IngressAnnotations are put on every Ingress, for what its controller knows no field for.
	IngressAnnotations map[string]string
}

// Issuer is a reference to a cert-manager issuer.
type Issuer struct {
	Name, Kind, Group string
}

// ownedBy returns an owner reference that makes the garbage collector delete an object after its owner, and makes the deletion of the
// owner in the foreground wait for it.
func ownedBy(kind schema.GroupVersionKind, owner metav1.Object) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(kind.GroupVersion().String()).
		WithKind(kind.Kind).
		WithName(owner.GetName()).
		WithUID(owner.GetUID()).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
