package generate

import (
	"fmt"
	"slices"
)

// value is one that whoever installs the chart may set.
type value struct {
	// path is its name, such as limits.keyRate.
	path string
	// doc says what it means; it is the comment in values.yaml.
	doc string
	// schema says what it may be. Without one, the path is a group that gets its values later.
	schema schema
	// preset is what it is unless it is set; nil: what the manifests say. That of a required value is an example, and templates/_cluster.tpl says
	// that it is missing, with all else that is.
	preset   any
	required bool
	// addon is the kustomize component that the value is about, if any; without it there is no such value.
	addon string
	// setting is the key of the ConfigMap berth that has the value.
	setting string
	// expression is the text of the setting, if it is not just the value.
	expression string
	// component is the command whose Deployment gets flags for the value, which are lines of template.
	component string
	flags     []string
}

// found returns the expression of what templates/_cluster.tpl finds for a value that is empty.
func found(name string) string { return fmt.Sprintf("include \"berth.found\" (list . %q)", name) }

// table has each value but those that every Deployment has; see workloadValues.
var table = slices.Concat([]value{
	{
		path: "baseDomain", schema: text, required: true, preset: "apps.example.com", setting: "BASE_DOMAIN",
		doc: "Apps answer at https://NAME.BASE_DOMAIN; a wildcard DNS record of it leads to the ingress controller.",
	},
	{
		path: "image.registry", schema: text, preset: "",
		doc: "The registry, and the repository in it, that has the images `operator` and `facade`, such as registry.example.com/berth. " +
			"Required, unless operator.image.repository and facade.image.repository say where they are.",
	},
	{path: "image.tag", schema: text, preset: "", doc: "The tag of the images. Empty: the chart's appVersion."},
	{
		path: "image.pullSecrets", schema: list(named), preset: []any{},
		doc: "Secrets to pull the images with, such as [{name: registry}].",
	},
	{
		path: "issuer.name", schema: text, preset: "", setting: "ISSUER_NAME", expression: found("issuerName"),
		doc: "Its name, such as letsencrypt. Required.",
	},
	{
		path: "issuer.kind", schema: word, preset: "ClusterIssuer", component: "operator", doc: "Its kind.",
		flags: []string{
			`{{- if ne .Values.issuer.kind "ClusterIssuer" }}`,
			`- {{ printf "--issuer-kind=%s" .Values.issuer.kind | quote }}`,
			`{{- end }}`,
		},
	},
	{
		path: "issuer.group", schema: word, preset: "cert-manager.io", component: "operator", doc: "Its API group.",
		flags: []string{
			`{{- if ne .Values.issuer.group "cert-manager.io" }}`,
			`- {{ printf "--issuer-group=%s" .Values.issuer.group | quote }}`,
			`{{- end }}`,
		},
	},
	{
		path: "ingressClass", schema: text, preset: "", setting: "INGRESS_CLASS", expression: found("ingressClass"),
		doc: "The IngressClass of the routes. Empty: the cluster's default class, or its only one.",
	},
	{
		path: "routerNamespaces", schema: list(word), preset: []any{}, setting: "ROUTER_NAMESPACE", expression: found("routerNamespaces"),
		doc: "The Namespaces of ingress controllers that are Pods with an address of their own. Only they can connect to Apps. Empty, without routerNetworks: " +
			"the Namespace of the ServiceAccount that may write the status of Ingresses or, rendered without the cluster, those in which ingress " +
			"controllers usually are.",
	},
	{
		path: "routerNetworks", schema: list(word), setting: "ROUTER_NETWORK", expression: found("routerNetworks"),
		doc: "The networks of other ingress controllers, such as those that use the network of their node: [10.1.0.0/16].",
	},
	{
		path: "routerPorts", schema: list(word), setting: "ROUTER_PORTS",
		doc: "The public TCP ports of ingress controllers, which Apps reach as the world does: numbers, and the names that their Pods give them, " +
			"such as [\"8000\", websecure]. Empty: 80, 443, http, https, web and websecure.",
	},
	{
		path: "allowEgressNamespaces", schema: list(word), setting: "ALLOW_EGRESS_NAMESPACES",
		doc: "Namespaces whose Pods Apps reach, beside their own. [\"*\"] stands for all.",
	},
	{
		path: "denyEgress", schema: list(word), setting: "DENY_EGRESS",
		doc: "Networks that Pods of Apps don't reach, beside the API server, the nodes with their Pod networks and the metadata of clouds: the networks of " +
			"Pods and Services, say, where the network plugin does not take them from the nodes. Test e-mails and registries of images " +
			"are not connected to in them either. The one that all nodes lie in, if there is one, saves the organizations' NetworkPolicies from " +
			"having a line for each node.",
	},
	{
		path: "verifyDomains", schema: boolean, preset: true, setting: "VERIFY_DOMAINS",
		doc: "Whether customers have to prove by a TXT record that they own a host outside of the base domain, unless their Organization says " +
			"otherwise. See docs/domain.md.",
	},
	{
		path: "contributorsSeeValues", schema: boolean, preset: false,
		doc: "Whether contributors of all organizations see the values of Apps' variables by the REST API, and not only their names. It adds a right to the " +
			"ClusterRole berth-contributor. See docs/keys.md.",
	},
	{
		path: "hostHold", schema: duration, setting: "HOST_HOLD",
		doc: "How long a host that an App or Domain releases is held for its organization: a duration in hours, such as 168h. A host takes its count of " +
			"new certificates with it, so hold hosts for 24h at least. 0s frees them at once.",
	},
	{
		path: "reservedHosts", schema: list(domain), setting: "RESERVED_HOSTS",
		doc: "Domains that no tenant can have, nor any name below them: those of an identity provider or of other sites of the platform. The " +
			"hosts of Ingresses that are not Berth's are reserved without being listed.",
	},
	{
		path: "registries.ask", schema: boolean, preset: true, setting: "ASK_REGISTRIES",
		doc: "Whether the registry of an image is asked which port it exposes, if its App names none. See docs/app.md.",
	},
	{
		path: "registries.mirrors", schema: list(text), setting: "REGISTRY_MIRRORS",
		doc: "Registries and the URLs where they are asked instead, over plain HTTP too and at any address: " +
			"[registry.example.com:5000=http://10.1.2.3:5000].",
	},
	{
		path: "registries.networks", schema: list(word), setting: "REGISTRY_NETWORKS",
		doc: "Private networks in which registries may be. Others are asked at public addresses alone.",
	},
	{
		path: "registries.internal", schema: list(word), setting: "INTERNAL_REGISTRIES",
		doc: "Registries at IP addresses and internal names from which every organization may pull: [10.1.2.3:5000]. Other such registries have to be " +
			"allowed by name in an Organization that is not trusted.",
	},
	{
		path: "registries.ecrRegions", schema: list(word), setting: "ECR_REGIONS",
		doc: "Regions of AWS with registries of Amazon ECR, beside those that this version knows.",
	},
	{path: "clusterDomain", schema: domain, setting: "CLUSTER_DOMAIN", doc: "The DNS domain of the cluster, in which no tenant can have a host."},
	{
		path: "certManagerNamespace", schema: word, setting: "CERT_MANAGER_NAMESPACE",
		doc: "The Namespace of cert-manager, which cannot become an organization.",
	},
	{
		path: "neverOrganizations", schema: list(word), setting: "NEVER_ORGANIZATIONS",
		doc: "Other Namespaces that cannot become organizations. System Namespaces, Berth's own and those of routerNamespaces never can.",
	},
	{
		path: "keysNamespace", schema: word, preset: "berth-keys",
		doc: "The Namespace of the API keys, which the release makes and leaves when it is uninstalled. It holds nothing else, since the facade reads all of " +
			"its Secrets. To choose another one for a release that has keys, copy them first.",
	},
	{
		path: "wildcardCertificate.enabled", schema: boolean, preset: false, setting: "WILDCARD_CERTIFICATE",
		doc: "Whether Apps rely on it, which takes an ingress controller that serves it already. Otherwise each has a certificate of its own.",
	},
	{
		path: "wildcardCertificate.traefik", schema: boolean, preset: false,
		doc: "Whether to make the TLSStore by which Traefik serves it, named default, be it enabled or not. Other ingress controllers are told " +
			"in their own way.",
	},
	{path: "wildcardCertificate.secretName", schema: text, preset: "", doc: "The Secret with the certificate, for the TLSStore."},
	{
		path: "wildcardCertificate.namespace", schema: text, preset: "",
		doc: "The Secret's Namespace, which is not an organization's. The TLSStore is made there.",
	},
}, limits, []value{
	{
		path: "mail.from", schema: text, preset: "", setting: "DEFAULT_FROM_EMAIL",
		expression: `.Values.mail.from | default (printf "no-reply@%s" .Values.baseDomain)`,
		doc:        "The sender of notifications of Apps that set none. Empty: no-reply@BASE_DOMAIN.",
	},
	{
		path: "mail.senderDomains", schema: list(domain), setting: "EMAIL_SENDER_DOMAINS",
		doc: "The domains, without those below them, that organizations which are not trusted may send from at this server, beside the hosts that " +
			"they own. Empty: the domain of from.",
	},
	{path: "mail.host", schema: text, setting: "DEFAULT_EMAIL_HOST", doc: "The server's name or address. Empty: there is none."},
	{path: "mail.port", schema: port, setting: "DEFAULT_EMAIL_PORT", doc: "Its port."},
	{path: "mail.user", schema: text, setting: "DEFAULT_EMAIL_HOST_USER", doc: "Who to log in as. Empty: without a login."},
	{
		path: "mail.allowPorts", schema: list(realPort), setting: "EMAIL_PORTS",
		doc: "Ports at which Domains may have mail servers of their own, beside 25, 465, 587 and 2525.",
	},
	{
		path: "mail.existingSecret", schema: text, preset: "",
		doc: "A Secret with that user's password in the key password and, for servers with certificates of private " +
			"authorities, those in ca.crt, PEM.",
	},
	{path: "mail.password", schema: text, preset: "", doc: "The password, if there is no such Secret: the chart makes one then."},
	{path: "mail.ca", schema: text, preset: "", doc: "The private authorities' certificates, likewise."},
	{
		path: "oidc.issuerURL", schema: text, setting: "OIDC_ISSUER_URL",
		doc: "The provider. Empty: nobody signs in. facade.publicURL is needed as well.",
	},
	{path: "oidc.clientID", schema: text, setting: "OIDC_CLIENT_ID", doc: "The client that the provider knows Berth as."},
	{
		path: "oidc.existingSecret", schema: text, preset: "",
		doc: "A Secret with the client's secret in the key client-secret and, for a provider with a certificate of a " +
			"private authority, that in ca.crt, PEM.",
	},
	{path: "oidc.clientSecret", schema: text, preset: "", doc: "The client's secret, if there is no such Secret: the chart makes one then."},
	{path: "oidc.ca", schema: text, preset: "", doc: "The private authority's certificate, likewise."},
	{path: "oidc.groupsClaim", schema: word, setting: "OIDC_GROUPS_CLAIM", doc: "The claim of ID tokens that holds people's groups."},
	{
		path: "oidc.groupsPrefix", schema: text, setting: "OIDC_GROUPS_PREFIX",
		doc: "What is put in front of each group; those that don't begin with berth: then are ignored.",
	},
	{
		path: "oidc.groups", schema: list(mapped), preset: []any{}, setting: "OIDC_GROUPS", expression: `.Values.oidc.groups | join ";"`,
		doc: "Groups of the provider and what their members are, IDGROUP=ORG:ROLE or IDGROUP=host: [developers=cowork:manager]. Then no other group counts, " +
			"except those with groupsPrefix if that is set. If IDGROUP=host is given, only IDGROUP grants host staff rights.",
	},
	{path: "oidc.scopes", schema: list(word), setting: "OIDC_SCOPES", doc: "The scopes to ask the provider for."},
	{
		path: "oidc.sessionSecret", schema: text, preset: "",
		doc: "A Secret with 32 random bytes or more in the key key, which sessions are sealed with. Empty: the chart makes berth-session at the first " +
			"install and leaves its key as it is. Whoever renders the chart without the cluster, as Argo CD does, names one: it would be another " +
			"each time. Another key signs everybody out.",
	},
	{path: "operator"},
	{
		path: "facade.publicURL", schema: address, setting: "PUBLIC_URL",
		doc: "Where clients reach the facade, such as https://berth.example.com. No Domain can have that host.",
	},
	{
		path: "facade.trustedProxies", schema: list(word), setting: "TRUSTED_PROXIES",
		doc: "Networks of proxies in front of the facade, whose X-Forwarded-For and traceparent count.",
	},
	{
		path: "facade.hstsMaxAge", schema: duration, setting: "HSTS_MAX_AGE",
		doc: "For how long browsers must use nothing but HTTPS for the host of the facade, on all ports of it. 0s does not say so.",
	},
	{path: "facade.service.type", schema: oneOf("ClusterIP", "NodePort", "LoadBalancer"), preset: "ClusterIP", doc: "Its type."},
	{
		path: "facade.service.nodePort", schema: port, preset: 0,
		doc: "The port on each node, of a Service of type NodePort or LoadBalancer. 0: any.",
	},
	{
		path: "facade.service.annotations", schema: mapping, preset: map[string]any{},
		doc: "Annotations, such as those that tell a cloud which load balancer to make.",
	},
	{
		path: "facade.certificate.dnsNames", schema: list(word), preset: []any{},
		doc: "The names that clients use, such as [berth.example.com]. Empty: those of the Service.",
	},
	{
		path: "facade.certificate.issuer.name", schema: text, preset: "",
		doc: "Its name. Empty: that of Apps and Domains, whose kind and group also hold then.",
	},
	{path: "facade.certificate.issuer.kind", schema: word, preset: "ClusterIssuer", doc: "Its kind."},
	{path: "facade.certificate.issuer.group", schema: word, preset: "cert-manager.io", doc: "Its API group."},
	{
		path: "tracing.endpoint", schema: text, preset: "", setting: "OTEL_EXPORTER_OTLP_ENDPOINT",
		doc: "Where traces are sent by OTLP over HTTP, such as http://collector.monitoring:4318. Empty: nowhere.",
	},
	{
		path: "metrics.enabled", addon: "prometheus", schema: boolean, preset: false,
		doc: "Whether to make Services for the ports `metrics` and let Prometheus in. serviceMonitor.enabled does that as well.",
	},
	{
		path: "metrics.namespace", addon: "prometheus", schema: word, preset: "monitoring",
		doc: "The Namespace of Prometheus, which is let in to scrape.",
	},
	{
		path: "metrics.labels", addon: "prometheus", schema: mapping, preset: map[string]any{},
		doc: "Labels by which Prometheus finds its ServiceMonitors and rules, such as {release: prometheus}.",
	},
	{
		path: "metrics.serviceMonitor.enabled", addon: "prometheus", schema: boolean, preset: false,
		doc: "Whether to make it.",
	},
	{
		path: "metrics.rules.enabled", addon: "prometheus", schema: boolean, preset: false,
		doc: "Whether to make them. See docs/monitoring.md.",
	},
	{path: "metrics.dashboard.enabled", addon: "prometheus", schema: boolean, preset: false, doc: "Whether to make it."},
	{path: "crds.install", schema: boolean, preset: true, doc: "Whether they are part of the release, which then upgrades them."},
	{
		path: "crds.keep", schema: boolean, preset: true,
		doc: "Whether they stay when the release is uninstalled. Without them, every organization is deleted with its Namespace.",
	},
})

// rules are what schemas of groups say beside their values.
var rules = map[string]schema{
	// One of both is what to change, and the message says both.
	"facade.service": {"anyOf": []schema{
		{"properties": schema{"nodePort": schema{"const": 0}}},
		{"properties": schema{"type": oneOf("NodePort", "LoadBalancer")}},
	}},
}
