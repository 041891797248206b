package v1alpha1

// Condition types. The first three follow kstatus, so that kubectl wait, Flux and Argo CD understand them without help:
// https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md. Every controller sets all the conditions that it
// owns on every pass.
const (
	// ConditionReady says whether the object does what its spec asks for. It sums up all the others: its reason and message are
	// those of the first condition that isn't True, one that needs a person before one that only takes time.
	ConditionReady = "Ready"
	// ConditionReconciling is True while Berth or the cluster still works towards the spec, and nobody has to act.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when the object can't become Ready before a person acts.
	ConditionStalled = "Stalled"

	// ConditionReferencesResolved says whether what the object names is there: on an App, the credentials for its registry and the Secrets and
	// ConfigMaps of its environment, on a Domain, the Secret with the password of its mail server.
	ConditionReferencesResolved = "ReferencesResolved"
	// ConditionAvailable, on an App, says whether the Pods of its current spec run and are ready.
	ConditionAvailable = "Available"
	// ConditionRouteReady, on an App or a Domain, says whether its host name leads to the App.
	ConditionRouteReady = "RouteReady"
	// ConditionCertificateReady, on an App or a Domain, says whether there is a valid certificate for its host name.
	ConditionCertificateReady = "CertificateReady"
	// ConditionVerified, on a Domain, says whether the organization has proven that it owns the host. It is present only if the organization
	// needs a proof (spec.hostVerification of the Organization).
	ConditionVerified = "Verified"
	// ConditionNamespaceReady, on an Organization, says whether its Namespace exists and is the organization's.
	ConditionNamespaceReady = "NamespaceReady"
	// ConditionAuthorized, on an Organization, says whether the roles of Berth and of its members are bound in the Namespace.
	ConditionAuthorized = "Authorized"
	// ConditionBounded, on an Organization, says whether its quota, its default requests and limits and its NetworkPolicy are in place.
	ConditionBounded = "Bounded"
	// ConditionCertificateExpiring, on an App or a Domain, is True when the certificate that its host serves has not been replaced in time: a
	// custom certificate ends soon, which only the user can renew, or the renewal of an issued certificate is overdue. It is a warning and no
	// part of Ready.
	ConditionCertificateExpiring = "CertificateExpiring"
	// ConditionContested is True while other clients change what Berth sets on the objects of an App, a Domain or an Organization, and is not present
	// otherwise. Its message names the fields and their field managers. It is a warning and no part of Ready.
	ConditionContested = "Contested"
)

// Reasons of conditions.
const (
	// ReasonSucceeded is the reason of a condition that is as it should be.
	ReasonSucceeded = "Succeeded"
	// ReasonProgressing is the reason while the cluster works towards the spec.
	ReasonProgressing = "Progressing"
	// ReasonFailed is the reason when the API server refused or failed a request of Berth's; Berth tries again with growing pauses.
	ReasonFailed = "Failed"
	// ReasonPending is the reason of a condition whose turn has not come, since one before it is not True.
	ReasonPending = "Pending"

	// ReasonNotInOrganization means that the object lies in a Namespace that is not an organization.
	ReasonNotInOrganization = "NotInOrganization"
	// ReasonNotOwned means that an object that Berth has to write exists already and belongs to somebody else. Berth never takes one over.
	ReasonNotOwned = "NotOwned"
	// ReasonHostConflict means that the host is already claimed by another App or Domain. If that was another organization's when Berth
	// last tried, the host is not claimed again before the spec changes, so that no host is inherited silently.
	ReasonHostConflict = "HostConflict"
	// ReasonHostInvalid means that a label of the host begins with xn-- and is not the punycode of an internationalized name.
	ReasonHostInvalid = "HostInvalid"
	// ReasonHostReserved means that no Domain can have the host: it is the platform's base domain or below it and not the default host of
	// the App that the Domain names, a cluster-internal name, the facade's public host, or one that an Ingress or --reserved-host reserves.
	ReasonHostReserved = "HostReserved"
	// ReasonNamespaceReserved means that the Namespace of an Organization is the platform's own: Berth's, the ingress controller's,
	// cert-manager's, or one that --never-organization names.
	ReasonNamespaceReserved = "NamespaceReserved"
	// ReasonIssuerNotAllowed means that the Organization does not allow the issuer that a Domain names.
	ReasonIssuerNotAllowed = "IssuerNotAllowed"
	// ReasonRegistryNotAllowed means that the Organization does not allow the registry of an App's image.
	ReasonRegistryNotAllowed = "RegistryNotAllowed"
	// ReasonThrottled means that the organization has used up its budget of new certificates; Berth tries again once there is room.
	ReasonThrottled = "Throttled"
	// ReasonRecordNotFound means that the TXT record that is to prove whose a host is isn't there, or not yet. It is looked up again.
	ReasonRecordNotFound = "RecordNotFound"
	// ReasonRecordMismatch means that the TXT record doesn't hold the organization's token. It is looked up again.
	ReasonRecordMismatch = "RecordMismatch"
	// ReasonLookupFailed means that DNS doesn't say whether there is the TXT record. It is looked up again.
	ReasonLookupFailed = "LookupFailed"
	// ReasonServedBefore is the reason of Verified=True for a host that was served before the platform asked for proof.
	ReasonServedBefore = "ServedBefore"
	// ReasonCertificateInvalid means that a custom certificate cannot be served: it is not valid for the host, its key does not match, or it
	// names a host that is not the organization's.
	ReasonCertificateInvalid = "CertificateInvalid"
	// ReasonAppNotFound means that a Domain names an App that isn't in its Namespace.
	ReasonAppNotFound = "AppNotFound"
	// ReasonInvalid means that the API server refused what the spec asks for as invalid or forbidden.
	ReasonInvalid = "Invalid"

	// ReasonSecretNotFound means that the spec names a Secret, or a key of one, that isn't there, or that lacks Berth's label.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonConfigMapNotFound means that the environment names a ConfigMap, or a key of one, that isn't there.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonInvalidPort means that the variable PORT of the environment, which names the App's port, is not a number from 1 to 65535. The version
	// that runs goes on.
	ReasonInvalidPort = "InvalidPort"

	// ReasonRegistryMismatch means that a role is named for an image that isn't in a registry of Amazon ECR, or is in another of AWS'
	// partitions than the role, or in a region that is not known.
	ReasonRegistryMismatch = "RegistryMismatch"
	// ReasonCredentialsInvalid means that no login can be made of what the Secret of credentialsSecretRef holds.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonRoleRefused means that AWS doesn't let Berth assume the role: there is none of that name, or its trust policy names another
	// account or external id. AWS doesn't say which.
	ReasonRoleRefused = "RoleRefused"
	// ReasonTokenRefused means that the role can be assumed but may not get a token for the registry.
	ReasonTokenRefused = "TokenRefused"
	// ReasonNoPlatformIdentity means that the platform has no identity of AWS of its own, or none that AWS accepts, by which it could assume
	// a role. Whoever runs the platform has to act.
	ReasonNoPlatformIdentity = "NoPlatformIdentity"
	// ReasonAWSUnavailable means that AWS doesn't answer, fails, or asks to be called less often; Berth tries again with growing pauses.
	ReasonAWSUnavailable = "AWSUnavailable"

	// ReasonImagePullFailed means that the node can't pull the image, for another reason than those below.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonImagePullDenied means that the registry of the image demands credentials, or refuses those that it was given.
	ReasonImagePullDenied = "ImagePullDenied"
	// ReasonImageNotFound means that the registry doesn't have the image.
	ReasonImageNotFound = "ImageNotFound"
	// ReasonExecFormatError means that the image isn't made for the processors of the nodes.
	ReasonExecFormatError = "ExecFormatError"
	// ReasonCrashLoopBackOff means that the container started and ended, and is started again with growing pauses.
	ReasonCrashLoopBackOff = "CrashLoopBackOff"
	// ReasonRunsAsRoot means that the image runs as root, or as a user of whom that is not known, in an organization whose Pod Security level is
	// restricted.
	ReasonRunsAsRoot = "RunsAsRoot"
	// ReasonEvicted means that a kubelet has ended or rejected Pods of the App: they used more than they may, or had to go for their node.
	ReasonEvicted = "Evicted"
	// ReasonUnschedulable means that no node has room for the Pods.
	ReasonUnschedulable = "Unschedulable"
	// ReasonReadinessProbeFailed means that the container runs and its readiness probe fails.
	ReasonReadinessProbeFailed = "ReadinessProbeFailed"
	// ReasonDeadlineExceeded means that a rollout made no progress for longer than its deadline, and nothing more is known of the cause.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonExpiresWithin30Days, and the two below, are the reasons of CertificateExpiring=True while there is still time.
	ReasonExpiresWithin30Days = "ExpiresWithin30Days"
	// ReasonExpiresWithin7Days says that a week is left at most.
	ReasonExpiresWithin7Days = "ExpiresWithin7Days"
	// ReasonExpiresWithin1Day says that a day is left at most.
	ReasonExpiresWithin1Day = "ExpiresWithin1Day"
	// ReasonRenewalOverdue means that the renewal of an issued certificate is overdue, with more than 30 days left.
	ReasonRenewalOverdue = "RenewalOverdue"
	// ReasonExpired is the reason of CertificateExpiring=True when no time is left, and of CertificateReady=False if the certificate is an issued one.
	ReasonExpired = "Expired"

	// ReasonNamespaceCreated, and those below, are the reasons of events, not of conditions. It means that Berth has created the Namespace of
	// an Organization.
	ReasonNamespaceCreated = "NamespaceCreated"
	// ReasonNamespaceAdopted means that Berth has adopted a labelled Namespace for the Organization of its name.
	ReasonNamespaceAdopted = "NamespaceAdopted"
	// ReasonOrganizationCreated means that Berth has created an Organization for a Namespace that was one by its label alone.
	ReasonOrganizationCreated = "OrganizationCreated"
	// ReasonAccessRemoved means that Berth has removed the RoleBindings from a Namespace that stopped being an organization.
	ReasonAccessRemoved = "AccessRemoved"
	// ReasonProofForgotten means that a host which an earlier Organization of the name had proven to own has to be proven again.
	ReasonProofForgotten = "ProofForgotten"
	// ReasonBoundRemoved means that Berth has removed the ResourceQuota or the LimitRange of an organization, which its spec no longer requires.
	ReasonBoundRemoved = "BoundRemoved"

	// ReasonFieldConflict is the reason of Contested=True when other clients change fields that Berth sets. Berth sets them back; of what is changed
	// again ten times in a row, at most once a minute.
	ReasonFieldConflict = "FieldConflict"
	// ReasonForeignFields is the reason of Contested=True when other clients have added fields to an App's Deployment that the App does not show.
	// Berth leaves them as they are.
	ReasonForeignFields = "ForeignFields"

	// ReasonScaledToZero is the reason of Available=True when the spec asks for no Pods.
	ReasonScaledToZero = "ScaledToZero"

	// ReasonRenamed is the reason of the event that says that an object of an earlier version was replaced by one that has another name.
	ReasonRenamed = "Renamed"
	// ReasonDeleted is the reason of the event that says which object of an App or a Domain was deleted, and why.
	ReasonDeleted = "Deleted"
	// ReasonAdopted is the reason of the event that says that a Secret now belongs to an App or a Domain, and is deleted with it.
	ReasonAdopted = "Adopted"
)
