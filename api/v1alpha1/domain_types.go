package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Domain is a host name that serves an App of the same Namespace.
//
// A host belongs to one Domain, or App by its default host, on the whole platform: to the first that asked for it, and of several that
// ask for a host when it gets free, to the oldest. The others say so in their Ready condition.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=domains,singular=domain,categories=berth
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Host",type="string",JSONPath=".spec.host",description="The host name"
// +kubebuilder:printcolumn:name="App",type="string",JSONPath=".spec.appRef.name",description="The App that it serves"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status",description="Whether the host serves the App with a valid certificate"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].reason",description="Why it is ready, or why not"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Message",type="string",priority=1,JSONPath=".status.conditions[?(@.type=='Ready')].message",description="The Ready condition in words"
type Domain struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what the Domain shall be.
	// +required
	Spec DomainSpec `json:"spec,omitzero"`

	// status is what was last seen of it. Berth writes it; nobody else has to.
	// +optional
	Status DomainStatus `json:"status,omitempty,omitzero"`
}

// DomainList is a list of Domains.
//
// +kubebuilder:object:root=true
type DomainList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Domain `json:"items"`
}

// DomainSpec is what a Domain shall be.
type DomainSpec struct {
	// host is the host name, in lower case: at least two DNS labels, no wildcard, no IP address. Example: "www.example.com".
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="host must be a host name in lower case with at least two labels, such as www.example.com"
	// +kubebuilder:validation:XValidation:rule="!isIP(self)",message="host must be a name, not an IP address"
	// +required
	Host string `json:"host,omitempty"`

	// appRef names the App that the host serves.
	// +required
	AppRef AppRef `json:"appRef,omitzero"`

	// mail is how the App's notifications are sent for this host. Without it, or a field of it, the platform's own settings apply.
	// +optional
	Mail *DomainMail `json:"mail,omitempty"`
}

// AppRef names an App in the same Namespace.
type AppRef struct {
	// name of the App.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=25
	// +required
	Name string `json:"name,omitempty"`
}

// DomainMail is how notifications are sent.
//
// +kubebuilder:validation:MinProperties=1
type DomainMail struct {
	// from is the address that notifications come from. Example: "support@example.com".
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^@\\\\s]+@[^@\\\\s]+$')",message="from must be an address, such as support@example.com"
	// +optional
	From string `json:"from,omitempty"`
}

// DomainStatus is what was last seen of a Domain.
type DomainStatus struct {
	// conditions say how the Domain is doing: Ready, Reconciling and Stalled as kstatus defines them, and Certified and Routed for its parts.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that the rest of the status speaks of.
	// +kubebuilder:validation:Minimum=1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// url is where the host answers: https:// and the host. Unset while another App or Domain has the host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=261
	// +optional
	URL string `json:"url,omitempty"`
}

// GetConditions returns the conditions, for code that works on any kind.
func (d *Domain) GetConditions() []metav1.Condition { return d.Status.Conditions }
