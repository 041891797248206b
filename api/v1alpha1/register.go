package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "berth.dev", Version: "v1alpha1"}

// SchemeGroupVersion is GroupVersion under the name that generated clients expect.
var SchemeGroupVersion = GroupVersion

// AddToScheme makes the kinds of this package known to a scheme. It never fails; the error is there for runtime.SchemeBuilder.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&App{}, &AppList{}, &Domain{}, &DomainList{}, &HostClaim{}, &HostClaimList{}, &Organization{}, &OrganizationList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
