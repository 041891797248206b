package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Organization is a tenant of the platform: a Namespace of the same name together with the rights, bounds and policies that apply in it.
//
// Berth creates the Namespace if it does not exist. A Namespace that exists already is adopted only if it has the label
// berth.dev/organization with its own name as value, which only an administrator can set. Deleting an Organization deletes the Namespace
// with everything in it; with --cascade=orphan, the Namespace stays and its members lose their rights in it.
//
// Only the platform's administrators and host staff write Organizations: everything in the spec bounds what the tenant may do.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=organizations,singular=organization,scope=Cluster,categories=berth
// +kubebuilder:subresource:status
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a valid name of a Namespace: a DNS label of at most 63 characters"
// +kubebuilder:validation:XValidation:rule="self.metadata.name != 'default' && !self.metadata.name.startsWith('kube-')",message="system Namespaces cannot become organizations; choose another name"
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status",description="Whether the Namespace, its rights and its bounds are as the spec says"
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].reason",description="Why it is ready, or why not"
// +kubebuilder:printcolumn:name="Trusted",type="boolean",JSONPath=".spec.trusted",description="Whether the bounds for strangers are lifted"
// +kubebuilder:printcolumn:name="External-ID",type="string",priority=1,JSONPath=".status.externalID",description="What customers name in the trust policies of their AWS roles"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Message",type="string",priority=1,JSONPath=".status.conditions[?(@.type=='Ready')].message",description="The Ready condition in words"
type Organization struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object's metadata. The name is also that of the organization's Namespace.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the policy that applies to the organization. An empty spec has the defaults for tenants that the platform does not know.
	// +optional
	Spec OrganizationSpec `json:"spec,omitempty,omitzero"` //nolint:kubeapilinter // optionalfields: an empty one is what strangers have.

	// status is the observed state of the organization. Berth writes it.
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status OrganizationStatus `json:"status,omitempty,omitzero"`
}

// OrganizationList is a list of Organizations.
//
// +kubebuilder:object:root=true
type OrganizationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Organization `json:"items"`
}

// OrganizationSpec is the policy that applies to an organization.
type OrganizationSpec struct {
	// trusted lifts the defaults that protect a platform from tenants that it does not know: there is no default quota, no default request
	// or limit, hostVerification defaults to Disabled and userNamespaces to Disabled, and Apps may pull from internal registries. What the
	// other fields say still applies. Use it for the organizations of one company. Default: false.
	// +optional
	Trusted *bool `json:"trusted,omitempty"` //nolint:kubeapilinter // nobools: there will not be degrees of trust.

	// quota bounds how much all Pods of the organization together may request and how many objects it may have, as the hard limits of a
	// ResourceQuota. A resource that is not named here has the platform's default, unless the organization is trusted. A quota on a
	// compute resource requires every container to request it, which defaultRequests ensures. Example: {"pods": "100", "requests.cpu": "8"}.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Quota corev1.ResourceList `json:"quota,omitempty"`

	// defaultRequests is what a container requests of the resources for which it names no request, as in a LimitRange. A resource that is
	// not named here has the platform's default, unless the organization is trusted.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	DefaultRequests corev1.ResourceList `json:"defaultRequests,omitempty"`

	// defaultLimits is the limit of the resources for which a container names none, as in a LimitRange. A resource that is not named here
	// has the platform's default, unless the organization is trusted.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	DefaultLimits corev1.ResourceList `json:"defaultLimits,omitempty"`

	// podSecurity is the Pod Security Standard that is enforced in the Namespace. Apps have the container runtime's default capabilities under
	// baseline; under restricted they have none but NET_BIND_SERVICE and cannot run as root. A change replaces the Pods of all Apps. A level
	// that an administrator has set on the Namespace itself takes precedence. Default: baseline.
	// +optional
	PodSecurity PodSecurityLevel `json:"podSecurity,omitempty"`

	// allowedIssuers are the cert-manager issuers that Domains may name in tls.issuerRef, in addition to the platform's own. An Issuer is
	// one in the organization's Namespace. Default: none.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	AllowedIssuers []IssuerRef `json:"allowedIssuers,omitempty"`

	// allowedRegistries are the registries from which Apps may pull, as patterns of the image reference without tag and digest: a host
	// with an optional port, or a host and the beginning of a repository. `*` matches any characters but a slash; a pattern without a
	// slash matches every repository of the registry. Docker Hub is docker.io. Unless the organization is trusted, an internal registry, which is
	// one at an IP address or at a name that is not public such as localhost or registry.default.svc, has to be named without `*` in its host.
	// Default: every public registry; every registry for a trusted organization.
	// Example: ["registry.example.com", "ghcr.io/acme/*", "10.1.2.3:5000"].
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9*]([-a-z0-9.*]*[a-z0-9*])?(:[0-9]{1,5})?(/[-a-z0-9._*]+)*$`
	// +optional
	AllowedRegistries []string `json:"allowedRegistries,omitempty"`

	// deniedRegistries are the registries from which Apps must not pull, as patterns like those of allowedRegistries. They take precedence
	// over allowedRegistries. Default: none.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9*]([-a-z0-9.*]*[a-z0-9*])?(:[0-9]{1,5})?(/[-a-z0-9._*]+)*$`
	// +optional
	DeniedRegistries []string `json:"deniedRegistries,omitempty"`

	// hostVerification says whether a Domain has its host only once a TXT record proves that the organization owns it. Hosts of the
	// platform's own need no proof, nor does a host that was served before proof was required. Default: what the operator's flag
	// --verify-domains says; Disabled for a trusted organization.
	// +optional
	HostVerification HostVerification `json:"hostVerification,omitempty"`

	// egress bounds what the organization's Pods can connect to.
	// +optional
	Egress *OrganizationEgress `json:"egress,omitempty"`

	// limits bounds what the organization may use of what all tenants share.
	// +optional
	Limits *OrganizationLimits `json:"limits,omitempty"`

	// userNamespaces says whether the Pods of the organization run in user namespaces (hostUsers: false), in which root is an unprivileged
	// user of the node. A change replaces all Pods of the organization. Default: Enabled if every node supports them when the organization
	// is created and it is not trusted, otherwise Disabled; what was chosen then is kept in status.userNamespaces.
	// +optional
	UserNamespaces UserNamespaces `json:"userNamespaces,omitempty"`
}

// PodSecurityLevel is a level of the Pod Security Standards: https://kubernetes.io/docs/concepts/security/pod-security-standards/.
//
// +kubebuilder:validation:Enum=baseline;restricted
type PodSecurityLevel string

const (
	// PodSecurityBaseline forbids known ways out of a container and runs ordinary images.
	PodSecurityBaseline PodSecurityLevel = "baseline"
	// PodSecurityRestricted also forbids running as root.
	PodSecurityRestricted PodSecurityLevel = "restricted"
)

// HostVerification says whether hosts need a proof of ownership.
//
// +kubebuilder:validation:Enum=Required;Disabled
type HostVerification string

const (
	// HostVerificationRequired lets a Domain have its host only with a proof of ownership.
	HostVerificationRequired HostVerification = "Required"
	// HostVerificationDisabled gives a host to the first organization that asks for it.
	HostVerificationDisabled HostVerification = "Disabled"
)

// UserNamespaces says whether Pods run in user namespaces.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type UserNamespaces string

const (
	// UserNamespacesEnabled runs Pods with hostUsers: false.
	UserNamespacesEnabled UserNamespaces = "Enabled"
	// UserNamespacesDisabled leaves hostUsers unset.
	UserNamespacesDisabled UserNamespaces = "Disabled"
)

// OrganizationEgress bounds what Pods can connect to.
type OrganizationEgress struct {
	// deniedNetworks are networks that the organization's Pods cannot connect to, in addition to the API server, the nodes with the networks of
	// their Pods, the metadata of clouds and the networks that the operator's flag --deny-egress names. Example: ["10.1.0.0/16"].
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="must be a network in CIDR notation, such as 10.1.0.0/16"
	// +optional
	DeniedNetworks []string `json:"deniedNetworks,omitempty"`

	// allowedNamespaces are further Namespaces whose Pods the organization's Pods can connect to, as far as these accept it. Without them, they
	// connect to Pods of their own Namespace and to the public ports of the ingress controllers. Default: what the operator's flag
	// --allow-egress-namespace names. Example: ["databases"].
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	AllowedNamespaces []string `json:"allowedNamespaces,omitempty"`
}

// OrganizationStatus is the observed state of an organization.
type OrganizationStatus struct {
	// conditions describe the state of the organization: Ready, Reconciling and Stalled as kstatus defines them, NamespaceReady, Authorized
	// and Bounded for its parts.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that the rest of the status describes. It is -1 until Berth has seen the Organization.
	// +kubebuilder:validation:Minimum=-1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // optionalfields: 0 is nothing's generation.

	// externalID is what customers name in the trust policies of their AWS roles. It is generated once and never changes; the annotation
	// berth.dev/external-id of the Namespace keeps it, so that a restored Namespace has it again.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1224
	// +optional
	ExternalID string `json:"externalID,omitempty"`

	// verificationToken is what the TXT record _berth-challenge.HOST must hold to prove that the organization owns HOST. It is generated
	// once and is not a secret; the annotation berth.dev/verification-token of the Namespace keeps it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +optional
	VerificationToken string `json:"verificationToken,omitempty"`

	// userNamespaces says whether Pods of the organization run in user namespaces.
	// +optional
	UserNamespaces UserNamespaces `json:"userNamespaces,omitempty"`

	// quota is what the quota allows and how much of it is in use. Berth updates it at most every half minute.
	// +optional
	Quota *QuotaUsage `json:"quota,omitempty"`

	// usage is how much of spec.limits is in use. Berth updates it at most every half minute.
	// +optional
	Usage *LimitUsage `json:"usage,omitempty"`
}

// GetConditions returns the conditions, for code that works on any kind.
func (o *Organization) GetConditions() []metav1.Condition { return o.Status.Conditions }
