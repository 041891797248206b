package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// OrganizationLimits bounds the use of what all tenants share.
type OrganizationLimits struct {
	// newCertificatesPerHour is how many certificates the platform requests for the organization within an hour. Renewals do not count.
	// Default: 10; no limit for a trusted organization.
	// +kubebuilder:validation:Minimum=0
	// +optional
	NewCertificatesPerHour *int32 `json:"newCertificatesPerHour,omitempty"`

	// newCertificatesPerDay is how many certificates the platform requests for the organization within a day. Renewals do not count.
	// Default: 50; no limit for a trusted organization.
	// +kubebuilder:validation:Minimum=0
	// +optional
	NewCertificatesPerDay *int32 `json:"newCertificatesPerDay,omitempty"`

	// heldHosts is how many hosts are held for the organization after it has released them. When there are more, the one that was released
	// first becomes free. Default: 100.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	// +optional
	HeldHosts *int32 `json:"heldHosts,omitempty"`

	// secretBytes is how many bytes of what REST clients send are kept for the organization in Secrets: environments, uploaded certificates,
	// and credentials. A call that would exceed it is refused. What was replaced counts until no Pod needs it. Default: 64Mi; no limit for a
	// trusted organization. Example: 256Mi.
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('0')) >= 0",message="must not be negative"
	// +optional
	SecretBytes *resource.Quantity `json:"secretBytes,omitempty"`

	// secretBytesPerMinute is how many such bytes each replica of the REST API writes for the organization within a minute. A call that would
	// exceed it is answered with 429 and the time to wait. Default: 10Mi; no limit for a trusted organization.
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('0')) >= 0",message="must not be negative"
	// +optional
	SecretBytesPerMinute *resource.Quantity `json:"secretBytesPerMinute,omitempty"`

	// requestsPerSecond is how many requests a second each replica of the REST API serves for the organization in the long run, whatever keys they
	// have; twice as many at once. More are answered with 429. Default: 200; no limit for a trusted organization.
	// +kubebuilder:validation:Minimum=1
	// +optional
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`

	// logFollowers is how many clients can follow logs of the organization at the same time, at each replica of the REST API. Together they follow
	// at most four times as many Pods. Default: 100; no limit for a trusted organization.
	// +kubebuilder:validation:Minimum=0
	// +optional
	LogFollowers *int32 `json:"logFollowers,omitempty"`
}

// LimitUsage is how much of the limits of an organization is in use.
type LimitUsage struct {
	// secretBytes is how many bytes of what REST clients send are kept in Secrets.
	// +optional
	SecretBytes *resource.Quantity `json:"secretBytes,omitempty"`
}

// QuotaUsage is what a quota allows and how much of it is in use.
type QuotaUsage struct {
	// hard is what the quota allows.
	// +optional
	Hard corev1.ResourceList `json:"hard,omitempty"`

	// used is how much of it is in use.
	// +optional
	Used corev1.ResourceList `json:"used,omitempty"`
}
