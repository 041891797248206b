package v1alpha1

// Field owners. Each part of Berth writes under a name of its own, so that the API server can tell who set which field.
const (
	// FieldOwner is the field owner of everything that the controllers apply.
	FieldOwner = "berth"
	// FieldOwnerFacade is the field owner of what REST clients set on Apps and Domains.
	FieldOwnerFacade = "berth-facade"
)

// Labels that Berth reads or writes.
const (
	// LabelOrganization on a Namespace lets the Organization of its name have it. Its value is the Namespace's own name.
	LabelOrganization = "berth.dev/organization"
	// LabelApp is on every object that belongs to an App; its value is the App's name. Deployments and Services select Pods by it.
	LabelApp = "berth.dev/app"
	// LabelDomain is on every object that belongs to a Domain alone; its value is the Domain's UID, since a Domain's name can be
	// longer than a label value.
	LabelDomain = "berth.dev/domain"
	// LabelSecret is on every Secret that Berth reads, and says what for: one of the Secret… values. Secrets without it are never
	// cached.
	LabelSecret = "berth.dev/secret" //nolint:gosec // The name of a label, not a credential.
)

// Values of LabelSecret.
const (
	// SecretAPIKey marks a Secret in the Namespace of the API keys that holds the hash of an API key.
	SecretAPIKey = "api-key"
	// SecretEndedSession marks an empty Secret in the Namespace of the API keys whose name is that of a session that has been signed out of.
	SecretEndedSession = "ended-session"
	// SecretExcludedKey marks an empty Secret in an organization whose name, excluded-key-ID, says that the API key with this id does not hold there,
	// though it names the organization. Managers create and delete it.
	SecretExcludedKey = "excluded-key"
	// SecretEnv marks an immutable Secret with the values of an App's environment as a REST client gave them.
	SecretEnv = "env"
	// SecretTLS marks the Secret with the certificate of an App's default host or of a Domain, or with one that was issued and is kept to be used again,
	// which has neither LabelApp nor LabelDomain, or that of one that is gone.
	SecretTLS = "tls"
	// SecretCertificate marks the Secret with a custom certificate that a Domain names: a user's own, or one that a REST client uploaded,
	// which has LabelApp as well and is deleted when no Domain names it any more.
	SecretCertificate = "certificate"
	// SecretMailPassword marks the Secret with the password of a Domain's mail server: a user's own, or one that a REST client gave, which
	// has LabelApp as well and is deleted when no Domain names it any more.
	SecretMailPassword = "mail-password"
	// SecretNewCertKey marks the Secret with a private key that waits for the certificate that a REST client gets for it.
	SecretNewCertKey = "newcert-key"
	// SecretRegistry marks the Secret with the user name and the password for the registry of an App's image: a user's own, or one that a
	// REST client gave, which has LabelApp as well and is deleted when no App names it any more.
	SecretRegistry = "registry"
	// SecretPull marks the Secret of the type kubernetes.io/dockerconfigjson that Berth makes for an App's Pods to pull their image with.
	SecretPull = "pull"
)

// Annotations that Berth reads or writes.
const (
	// AnnotationRestartedAt on an App, an RFC 3339 time, makes its Pods be replaced whenever the value changes. It is carried to the
	// Pod template under the same name.
	AnnotationRestartedAt = "berth.dev/restartedAt"
	// AnnotationExternalID on an organization's Namespace is the external id that customers name in the trust policies of their AWS
	// roles. It is made once and never changed.
	AnnotationExternalID = "berth.dev/external-id"
	// AnnotationOrganizationUID on an organization's Namespace is the UID of the Organization that has created or adopted it. A Namespace
	// that has it is never turned into an Organization again, so one whose Organization was deleted stays without.
	AnnotationOrganizationUID = "berth.dev/organization-uid"
	// AnnotationVerificationToken on an organization's Namespace is what the TXT record _berth-challenge.HOST holds to prove that a host is
	// the organization's own, where the platform asks for that. It is made once, and no secret: everybody can read it in DNS.
	AnnotationVerificationToken = "berth.dev/verification-token" //nolint:gosec // The name of an annotation, not a credential.
	// AnnotationPortFrom on a Deployment says what the port of an App that names none comes from: its image, of which the registry was asked. As
	// long as the image is the same, the registry is not asked again.
	AnnotationPortFrom = "berth.dev/port-from"
	// AnnotationLocationPrefix on an App keeps what a REST client wrote in front of the image reference ("https://"), so that it
	// reads back what it wrote.
	AnnotationLocationPrefix = "berth.dev/location-prefix"
	// AnnotationKeyHosts on a Secret with the label value SecretNewCertKey has the hosts, separated by commas, whose certificates its private key
	// waits for.
	AnnotationKeyHosts = "berth.dev/key-hosts"
	// AnnotationCredentialsFrom on a Secret with the label value SecretPull says what its credentials were made from: the registry with the
	// role, or the Secret and its version. It holds nothing secret.
	AnnotationCredentialsFrom = "berth.dev/credentials-from" //nolint:gosec // The name of an annotation, not a credential.
	// AnnotationIssuedAt on such a Secret, an RFC 3339 time, says since when its credentials are. Unset on those without an end.
	AnnotationIssuedAt = "berth.dev/issued-at"
	// AnnotationRefreshAt on such a Secret, an RFC 3339 time, says when they are to be replaced by new ones.
	AnnotationRefreshAt = "berth.dev/refresh-at"
	// AnnotationExpiresAt on such a Secret, an RFC 3339 time, says when they end. On the Secret of an API key, it is when the key ends.
	AnnotationExpiresAt = "berth.dev/expires-at"
	// AnnotationKeysMigrated on the Namespace of the API keys, an RFC 3339 time, says when those of an earlier version, which lie in another Namespace,
	// were copied there.
	AnnotationKeysMigrated = "berth.dev/keys-migrated"
	// AnnotationMigratedFrom on the Secret of an API key names the Namespace from which it was copied, as long as the original counts as well: if that is
	// deleted, the key was revoked. On an Organization, it names the labelled Namespace of an earlier version that became this Organization.
	AnnotationMigratedFrom = "berth.dev/migrated-from"
	// AnnotationMigratedTo on the Secret of an API key names the Namespace into which it was copied: if the copy is deleted, the key was revoked.
	AnnotationMigratedTo = "berth.dev/migrated-to"
	// AnnotationMaxKeyLife on the Namespace of the API keys says how long a key lives at most that the facade makes, as a duration such as 8760h; 0 is for
	// any time. An admission policy enforces it.
	AnnotationMaxKeyLife = "berth.dev/max-key-life"
)
