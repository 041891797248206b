package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HostClaim says which organization has a hostname on this platform. Its name is the hostname: the API server arbitrates between tenants,
// since only one object can have a name. `kubectl get hostclaims` lists who has what.
//
// Berth writes HostClaims; users do not have to. A claim outlives the App or Domain that holds it: while spec.heldUntil is set, only the
// organization that had the host can claim it again. An administrator frees a host early by deleting its HostClaim; if an App or Domain still
// holds the host, Berth creates the claim again.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=hostclaims,singular=hostclaim,scope=Cluster,categories=berth
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=`.spec.organization`
// +kubebuilder:validation:XValidation:rule="has(self.spec.organization) || has(self.spec.holder) && self.spec.holder.kind == 'Ingress'",message="spec.organization is required unless an Ingress holds the host"
// +kubebuilder:printcolumn:name="Organization",type="string",JSONPath=".spec.organization",description="The organization that has the host"
// +kubebuilder:printcolumn:name="Kind",type="string",JSONPath=".spec.holder.kind",description="The kind of the object that holds the host"
// +kubebuilder:printcolumn:name="Holder",type="string",JSONPath=".spec.holder.name",description="The name of the object that holds the host"
// +kubebuilder:printcolumn:name="Held-Until",type="string",JSONPath=".spec.heldUntil",description="Until when a released host is held for its organization"
// +kubebuilder:printcolumn:name="Verified",type="string",JSONPath=".status.verifiedAt",description="When the organization proved that it owns the host"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type HostClaim struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata. The name is the hostname, in lower case and, if it is an internationalized
	// one, in punycode.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says who has the host.
	// +required
	Spec HostClaimSpec `json:"spec,omitzero"` //nolint:kubeapilinter // requiredfields: its rules refuse an empty one.

	// status is what Berth has observed and must remember about the host.
	// +optional
	Status HostClaimStatus `json:"status,omitempty,omitzero"`
}

// HostClaimList is a list of HostClaims.
//
// +kubebuilder:object:root=true
type HostClaimList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []HostClaim `json:"items"`
}

// HostClaimSpec says who has a host.
//
// +kubebuilder:validation:XValidation:rule="has(self.holder) != has(self.heldUntil) || has(self.claimedAt)",message="exactly one of holder and heldUntil must be set, unless claimedAt is"
// +kubebuilder:validation:XValidation:rule="!has(self.claimedAt) || has(self.holder) && !has(self.boundAt)",message="claimedAt is only set with a holder, and not with boundAt"
type HostClaimSpec struct {
	// organization is the organization that has the host. Unset if the host belongs to an Ingress that is not Berth's.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Organization string `json:"organization,omitempty"`

	// holder is the object that the host is for. Unset once it has been released.
	// +optional
	Holder *HostHolder `json:"holder,omitempty"`

	// boundAt is when the operator gave the host to the holder. The facade claims a host before it creates the App or Domain that it is for;
	// a claim that is never bound is deleted a minute later.
	// +optional
	BoundAt *metav1.Time `json:"boundAt,omitempty"`

	// claimedAt is when the facade claimed a host that the organization has for another of its Apps or Domains. Unset once the operator has
	// given the host to the holder; if it has not a minute later, the host is released.
	// +optional
	ClaimedAt *metav1.Time `json:"claimedAt,omitempty"`

	// heldUntil is when a released host becomes free for every organization. A host that is claimed again and not given to the holder is held no
	// longer than that.
	// +optional
	HeldUntil *metav1.Time `json:"heldUntil,omitempty"`
}

// HostHolder names the object that a host is for.
//
// +kubebuilder:validation:XValidation:rule="has(self.__namespace__) == (self.kind == 'Ingress')",message="namespace must be set for an Ingress and for no other kind"
type HostHolder struct {
	// kind of the object: App for a default host, Domain, or Ingress for one that is not Berth's.
	// +required
	Kind HostHolderKind `json:"kind,omitempty"`

	// namespace of an Ingress. Apps and Domains are in the Namespace of the organization.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`
}

// HostHolderKind is the kind of an object that a host is for.
//
// +kubebuilder:validation:Enum=App;Domain;Ingress
type HostHolderKind string

const (
	// HostHolderApp is an App, which holds its default host.
	HostHolderApp HostHolderKind = "App"
	// HostHolderDomain is a Domain.
	HostHolderDomain HostHolderKind = "Domain"
	// HostHolderIngress is an Ingress that is not Berth's.
	HostHolderIngress HostHolderKind = "Ingress"
)

// HostClaimStatus is what Berth remembers about a host.
type HostClaimStatus struct {
	// verifiedAt is when the organization last proved that it owns the host. Unset if no proof was required.
	// +optional
	VerifiedAt *metav1.Time `json:"verifiedAt,omitempty"`

	// certificateRequestedAt are the times within the last day at which a new certificate was requested for the host. Renewals do not count.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	CertificateRequestedAt []metav1.Time `json:"certificateRequestedAt,omitempty"`

	// formerRequests are those of organizations that had the host within the last day: they still count against the limits of these.
	// +listType=map
	// +listMapKey=organization
	// +kubebuilder:validation:MaxItems=16
	// +optional
	FormerRequests []FormerRequests `json:"formerRequests,omitempty"`
}

// FormerRequests are when an organization that had a host requested certificates for it.
type FormerRequests struct {
	// organization is the one that had the host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Organization string `json:"organization,omitempty"`

	// requestedAt are the times within the last day at which a new certificate was requested for the host. Renewals do not count.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	RequestedAt []metav1.Time `json:"requestedAt,omitempty"`
}
