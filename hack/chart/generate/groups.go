package generate

// groups says what values that begin alike are about.
var groups = map[string]string{
	"image":  "The images of operator and facade.",
	"issuer": "The cert-manager issuer of the certificates of Apps and Domains.",
	"wildcardCertificate": "One certificate for all hosts below the base domain, such as *.apps.example.com, instead of one for each App. " +
		"The ingress controller serves it for hosts that name none. See docs/guides/wildcard-certificate.md.",
	"registries": "The registries of Apps' images, as the operator asks them. The Secret berth-registries may hold the certificates of private " +
		"authorities, PEM, in the key ca.crt.",
	"limits":                    "What the facade puts up with. Each replica counts by itself, and 0 is for any number.",
	"mail":                      "The mail server of Apps and Domains that name none of their own.",
	"oidc":                      "The OpenID Connect provider that people sign in with at the facade's /profile/. See docs/profile.md.",
	"operator":                  "The operator, which makes Apps and Domains true.",
	"facade":                    "The facade, which serves the REST API and the profile page.",
	"facade.service":            "The facade's Service, at port 443.",
	"facade.certificate":        "The facade's certificate, a cert-manager Certificate.",
	"facade.certificate.issuer": "Its issuer, where it is not the one of Apps and Domains.",
	"metrics":                   "What Prometheus, its operator and Grafana are given.",
	"metrics.serviceMonitor":    "What has Prometheus scrape operator and facade.",
	"metrics.rules":             "Alerts.",
	"metrics.dashboard":         "A dashboard for Grafana, in a ConfigMap that its sidecar finds.",
	"tracing":                   "OpenTelemetry traces.",
	"crds":                      "The custom resource definitions.",
	"operator.image":            "Another image than that of the others.",
	"facade.image":              "Another image than that of the others.",
	"operator.serviceAccount":   "The ServiceAccount berth-operator.",
	"facade.serviceAccount":     "The ServiceAccount berth-facade.",
}
