package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Domain is a host name that serves an App of the same Namespace.
//
// A host belongs to one Domain or App on the whole platform, as its HostClaim says. The others report that in their Ready condition.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=domains,singular=domain,categories=berth
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Host",type="string",JSONPath=".spec.host",description="The host name"
// +kubebuilder:printcolumn:name="App",type="string",JSONPath=".spec.appRef.name",description="The App that it serves"
// +kubebuilder:printcolumn:name="Cert",type="string",JSONPath=".status.certificate.type",description="Whose certificate is served: Default is the issuer's, Custom the user's own"
// +kubebuilder:printcolumn:name="Expires",type="string",JSONPath=".status.certificate.notAfter",description="When the certificate that is served ends"
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
	// +kubebuilder:default={"observedGeneration":-1}
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
	// host is the host name, in lower case: at least two DNS labels, no wildcard, no IP address, no last label that is a number, which makes
	// an address of it for browsers. An internationalized name is in punycode, such as "xn--mnchen-3ya.example"; a label that begins with
	// xn-- and is not valid punycode is refused with the reason HostInvalid. Example: "www.example.com".
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="host must be a host name in lower case with at least two labels, such as www.example.com; an internationalized one must be in punycode, such as xn--mnchen-3ya.example"
	// +kubebuilder:validation:XValidation:rule="!isIP(self) && !self.matches('(^|[.])([0-9]+|0x[0-9a-f]*)$')",message="host must be a name, not an IP address in whichever notation"
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|[.])(svc|pod|cluster[.]local)$')",message="cluster-internal names cannot be used; choose a public hostname"
	// +required
	Host string `json:"host,omitempty"`

	// appRef names the App that the host serves.
	// +required
	AppRef AppRef `json:"appRef,omitzero"`

	// tls says where the certificate of the host comes from. Without it, the platform's issuer signs one, which is renewed in time.
	//
	// Whatever it says, the host keeps serving the certificate that it has until there is a valid one to take its place.
	// +optional
	TLS *DomainTLS `json:"tls,omitempty"`

	// mail is how the App's notifications are sent for this host. Without it, or a field of it, the platform's own settings apply.
	// +optional
	Mail *DomainMail `json:"mail,omitempty"`

	// authentication says what the platform's login does: Enabled, LoginOnly (registration is closed) or Disabled (only the site's managers log in).
	// Berth does nothing by it. Default: Enabled, which is not filled in, so that a client that leaves it out does not own it.
	// +optional
	Authentication DomainAuthentication `json:"authentication,omitempty"`
}

// DomainAuthentication says what the platform's login does for a host.
//
// +kubebuilder:validation:Enum=Enabled;LoginOnly;Disabled
type DomainAuthentication string

const (
	// AuthenticationEnabled lets people register and log in.
	AuthenticationEnabled DomainAuthentication = "Enabled"
	// AuthenticationLoginOnly lets people log in who have an account already.
	AuthenticationLoginOnly DomainAuthentication = "LoginOnly"
	// AuthenticationDisabled lets only the managers of the site log in.
	AuthenticationDisabled DomainAuthentication = "Disabled"
)

// AppRef names an App in the same Namespace.
type AppRef struct {
	// name of the App.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=25
	// +required
	Name string `json:"name,omitempty"`
}

// DomainTLS says where the certificate of a host comes from.
//
// +kubebuilder:validation:ExactlyOneOf=issuerRef;secretRef
type DomainTLS struct {
	// issuerRef names the cert-manager issuer that signs the certificate, in place of the platform's. The Organization must allow it in
	// spec.allowedIssuers.
	// +optional
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`

	// secretRef names a Secret in the Domain's Namespace with a certificate of your own: in tls.crt the chain as PEM, in any order, and in tls.key
	// its private key. The host serves it normalized, its own certificate first. The Secret must have the label berth.dev/secret=certificate;
	// Berth reads no other. It is used once it is valid for the host: the key matches and is strong enough, the name is covered, every
	// certificate belongs to the chain, and neither the host's nor its issuer's has expired. It may name other hosts, and wildcards, but none that
	// is reserved or another organization's; if that changes, the certificate is withdrawn. A change of the Secret is followed.
	// +optional
	SecretRef *SecretRef `json:"secretRef,omitempty"`
}

// IssuerRef names a cert-manager issuer.
type IssuerRef struct {
	// name of the issuer.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`

	// kind of the issuer: ClusterIssuer, or Issuer for one in the Domain's Namespace; other kinds belong to other groups. Default:
	// ClusterIssuer.
	// +kubebuilder:default=ClusterIssuer
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Kind string `json:"kind,omitempty"`

	// group of the issuer's kind. Default: cert-manager.io.
	// +kubebuilder:default="cert-manager.io"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Group string `json:"group,omitempty"`
}

// SecretRef names a Secret in the same Namespace.
type SecretRef struct {
	// name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`
}

// SecretKeyRef names a key of a Secret in the same Namespace.
type SecretKeyRef struct {
	// name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name,omitempty"`

	// key in its data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +required
	Key string `json:"key,omitempty"`
}

// DomainMail is how notifications are sent.
//
// A mail server, its port and the login there belong together: a Domain that names a host is never given the platform's user and password.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.passwordSecretRef) || has(self.user)",fieldPath=".passwordSecretRef",message="a password needs a user"
type DomainMail struct {
	// from is the address that notifications come from, of at most 254 characters, with or without a display name. Characters other than ASCII
	// in front of the @ require a mail server with SMTPUTF8. At the platform's server, an organization that is not trusted sends from the platform's
	// domain and its proven hosts; otherwise from is the address for replies. Default: user, if that is an address, or else the platform's address.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([^<>\"@]|\"([^\"\\\\\\\\]|\\\\\\\\.)*\")*<\\\\s*([^@\\\\s]+|\"([^\"\\\\\\\\]|\\\\\\\\.)+\")@[^@\\\\s]+\\\\s*>|([^@\\\\s]+|\"([^\"\\\\\\\\]|\\\\\\\\.)+\")@[^@\\\\s]+)$') && (self.size() <= 254 || self.endsWith('>')) && !self.matches('[[:cntrl:]]')",message="from must be an address, such as support@example.com or Support <support@example.com>"
	// +optional
	From string `json:"from,omitempty"`

	// host is the name of the mail server that takes the notifications, by SMTP with TLS where it offers that; its certificate is verified.
	// One inside the cluster or a private network is not connected to, unless the platform allows it. Default: the platform's server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="isIP(self) || self.matches('^([\\\\p{L}\\\\p{N}]([-\\\\p{L}\\\\p{N}\\\\p{M}]{0,61}[\\\\p{L}\\\\p{N}\\\\p{M}])?[.])*[\\\\p{L}\\\\p{N}]([-\\\\p{L}\\\\p{N}\\\\p{M}]{0,61}[\\\\p{L}\\\\p{N}\\\\p{M}])?$')",message="host must be a host name or an IP address, such as smtp.example.com"
	// +optional
	Host string `json:"host,omitempty"`

	// port of the mail server, TLS from the start or not; on 465 and 2465 nothing is sent without TLS. Default: the platform's port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port *int32 `json:"port,omitempty"`

	// user to log in as. Default: the platform's user at the platform's server, and no login at any other.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule="!self.matches('[[:cntrl:]]')",message="user must have no control characters"
	// +optional
	User string `json:"user,omitempty"`

	// passwordSecretRef names the Secret with the password of user, and its key. One line break at the end of the password is ignored. The
	// Secret must have the label berth.dev/secret=mail-password; Berth reads no other.
	// +optional
	PasswordSecretRef *SecretKeyRef `json:"passwordSecretRef,omitempty"`
}

// DomainStatus is what was last seen of a Domain.
type DomainStatus struct {
	// conditions say how the Domain is doing: Ready, Reconciling and Stalled as kstatus defines them, CertificateReady, RouteReady, ReferencesResolved and, if
	// the platform asks for proof of who owns a host, Verified for its parts, and CertificateExpiring as a warning.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the metadata.generation that the rest of the status speaks of. It is -1 until Berth has seen the Domain.
	// +kubebuilder:validation:Minimum=-1
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"` //nolint:kubeapilinter // optionalfields: 0 is nothing's generation.

	// url is where the host answers: https:// and the host. Unset while another App or Domain has the host.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=261
	// +optional
	URL string `json:"url,omitempty"`

	// certificate is the certificate that the host serves now; unset while there is none.
	// +optional
	Certificate *DomainCertificate `json:"certificate,omitempty"`

	// verification is the DNS record that has to be set to prove that the host is the organization's own; unset while none is wanted.
	// +optional
	Verification *DomainVerification `json:"verification,omitempty"`

	// verifiedHost is the host that the organization has proven to be its own. No proof is asked for again while the Domain keeps the host.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=253
	// +optional
	VerifiedHost string `json:"verifiedHost,omitempty"`
}

// DomainVerification is a DNS record to set.
type DomainVerification struct {
	// name of the record, without a dot at its end. Example: "_berth-challenge.www.example.com".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=270
	// +required
	Name string `json:"name,omitempty"`

	// type of the record: TXT.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	// +required
	Type string `json:"type,omitempty"`

	// value that the record has to hold; other records of the same name may hold other values.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +required
	Value string `json:"value,omitempty"`
}

// DomainCertificate is what was last seen of the certificate that a host serves.
type DomainCertificate struct {
	// type says whose certificate it is: Default, signed by an issuer, or Custom, the user's own.
	// +required
	Type CertificateType `json:"type,omitempty"`

	// issuer is the distinguished name of who signed it, as RFC 2253 writes it. Example: "CN=R11,O=Let's Encrypt,C=US".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Issuer string `json:"issuer,omitempty"`

	// notAfter is when it ends: with the certificate, or with that of its issuer if it is earlier.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`
}

// CertificateType says whose certificate a host serves.
//
// +kubebuilder:validation:Enum=Default;Custom
type CertificateType string

const (
	// CertificateDefault is a certificate that an issuer signed for Berth.
	CertificateDefault CertificateType = "Default"
	// CertificateCustom is a certificate that the user made.
	CertificateCustom CertificateType = "Custom"
)

// GetConditions returns the conditions, for code that works on any kind.
func (d *Domain) GetConditions() []metav1.Condition { return d.Status.Conditions }
