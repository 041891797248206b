{{- define "berth.settings" }}
ALLOW_EGRESS_NAMESPACES: {{ .Values.allowEgressNamespaces | join "," | quote }}
ANONYMOUS_LOG_RATE: {{ .Values.limits.anonymousLogRate | quote }}
ASK_REGISTRIES: {{ .Values.registries.ask | quote }}
BASE_DOMAIN: {{ .Values.baseDomain | quote }}
CERT_MANAGER_NAMESPACE: {{ .Values.certManagerNamespace | quote }}
CLUSTER_DOMAIN: {{ .Values.clusterDomain | quote }}
DEFAULT_EMAIL_HOST: {{ .Values.mail.host | quote }}
DEFAULT_EMAIL_HOST_USER: {{ .Values.mail.user | quote }}
DEFAULT_EMAIL_PORT: {{ .Values.mail.port | int | quote }}
DEFAULT_FROM_EMAIL: {{ .Values.mail.from | default (printf "no-reply@%s" .Values.baseDomain) | quote }}
DENY_EGRESS: {{ .Values.denyEgress | join "," | quote }}
ECR_REGIONS: {{ .Values.registries.ecrRegions | join "," | quote }}
EMAIL_PORTS: {{ .Values.mail.allowPorts | join "," | quote }}
EMAIL_SENDER_DOMAINS: {{ .Values.mail.senderDomains | join "," | quote }}
FAILED_LOGINS: {{ .Values.limits.failedLogins | int | quote }}
HOST_HOLD: {{ .Values.hostHold | quote }}
HSTS_MAX_AGE: {{ .Values.facade.hstsMaxAge | quote }}
INGRESS_CLASS: {{ include "berth.found" (list . "ingressClass") | quote }}
INTERNAL_REGISTRIES: {{ .Values.registries.internal | join "," | quote }}
ISSUER_NAME: {{ include "berth.found" (list . "issuerName") | quote }}
KEY_BURST: {{ .Values.limits.keyBurst | int | quote }}
KEY_OWNER_SEEN: {{ .Values.limits.keyOwnerSeen | quote }}
KEY_RATE: {{ .Values.limits.keyRate | quote }}
MAX_CONNECTIONS: {{ .Values.limits.connections | int | quote }}
MAX_CONNECTIONS_PER_ADDRESS: {{ .Values.limits.connectionsPerAddress | int | quote }}
MAX_KEYS_PER_ORGANIZATION: {{ .Values.limits.keysPerOrganization | int | quote }}
MAX_KEYS_PER_OWNER: {{ .Values.limits.keysPerOwner | int | quote }}
MAX_KEY_LIFE: {{ .Values.limits.keyLife | quote }}
MAX_REQUESTS: {{ .Values.limits.requests | int | quote }}
NEVER_ORGANIZATIONS: {{ .Values.neverOrganizations | join "," | quote }}
OIDC_CLIENT_ID: {{ .Values.oidc.clientID | quote }}
OIDC_GROUPS: {{ .Values.oidc.groups | join ";" | quote }}
OIDC_GROUPS_CLAIM: {{ .Values.oidc.groupsClaim | quote }}
OIDC_GROUPS_PREFIX: {{ .Values.oidc.groupsPrefix | quote }}
OIDC_ISSUER_URL: {{ .Values.oidc.issuerURL | quote }}
OIDC_SCOPES: {{ .Values.oidc.scopes | join "," | quote }}
{{- if .Values.tracing.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .Values.tracing.endpoint | quote }}
{{- end }}
PUBLIC_URL: {{ .Values.facade.publicURL | quote }}
REGISTRY_MIRRORS: {{ .Values.registries.mirrors | join "," | quote }}
REGISTRY_NETWORKS: {{ .Values.registries.networks | join "," | quote }}
RESERVED_HOSTS: {{ .Values.reservedHosts | join "," | quote }}
ROUTER_NAMESPACE: {{ include "berth.found" (list . "routerNamespaces") | quote }}
ROUTER_NETWORK: {{ include "berth.found" (list . "routerNetworks") | quote }}
ROUTER_PORTS: {{ .Values.routerPorts | join "," | quote }}
TRUSTED_PROXIES: {{ .Values.facade.trustedProxies | join "," | quote }}
VERIFY_DOMAINS: {{ .Values.verifyDomains | quote }}
WILDCARD_CERTIFICATE: {{ .Values.wildcardCertificate.enabled | quote }}
{{- end }}
