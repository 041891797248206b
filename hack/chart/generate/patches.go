package generate

import (
	"fmt"
	"strings"
)

// nameOf has names of objects that the chart may call otherwise, wherever they stand, and the expressions of what they are then.
var nameOf = map[string]string{
	"berth-mail":    `.Values.mail.existingSecret | default "berth-mail" | quote`,
	"berth-oidc":    `.Values.oidc.existingSecret | default "berth-oidc" | quote`,
	"berth-session": `.Values.oidc.sessionSecret | default "berth-session" | quote`,
}

// options are objects that the chart makes on a condition.
var options = []struct {
	of        func(*object) bool
	condition string
}{
	{kind("CustomResourceDefinition"), ".Values.crds.install"},
	{kind("ServiceMonitor"), monitored},
	{func(o *object) bool { return o.GetKind() == "Service" && strings.HasSuffix(o.GetName(), "-metrics") }, scraped},
	{func(o *object) bool { return o.GetKind() == "NetworkPolicy" && o.GetName() == "berth-metrics" }, scraped},
	{kind("PrometheusRule"), ".Values.metrics.rules.enabled"},
	{func(o *object) bool { return o.GetLabels()["grafana_dashboard"] != "" }, ".Values.metrics.dashboard.enabled"},
}

// scraped is the condition of what Prometheus takes to scrape Berth, and monitored that of what has its operator tell it to.
const (
	monitored = ".Values.metrics.serviceMonitor.enabled"
	scraped   = "or .Values.metrics.enabled " + monitored
)

func kind(k string) func(*object) bool { return func(o *object) bool { return o.GetKind() == k } }

// patch is something that the chart replaces in, or adds to, objects of a kind.
type patch struct {
	// kind and name say in which; an empty name: in all.
	kind, name string
	// path is where, and key that of a value in the mapping there whose name has points.
	path, key string
	// set is the expression that a value there becomes, add the lines of template that a mapping or list there gets at its end.
	set string
	add []string
	// instead is the value that, unless it is empty, is in the place of the whole list there.
	instead string
}

// patches are made in this order.
var patches = []patch{
	{kind: "CustomResourceDefinition", path: "metadata.annotations", add: []string{`{{- if .Values.crds.keep }}`, `helm.sh/resource-policy: keep`, `{{- end }}`}},
	{kind: "Namespace", path: "metadata.annotations", key: "berth.dev/max-key-life", set: ".Values.limits.keyLife | quote"},
	{kind: "Namespace", path: "metadata.annotations", add: []string{"helm.sh/resource-policy: keep"}}, // With the API keys in it.
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.name", set: `include "berth.facadeIssuer" (list . "name")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.kind", set: `include "berth.facadeIssuer" (list . "kind")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.group", set: `include "berth.facadeIssuer" (list . "group")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.dnsNames", instead: ".Values.facade.certificate.dnsNames"},
	{kind: "Service", name: "berth-facade", path: "metadata", add: with(".Values.facade.service.annotations", "annotations")},
	{
		kind: "Service", name: "berth-facade", path: "spec",
		add: []string{`{{- if ne .Values.facade.service.type "ClusterIP" }}`, `type: {{ .Values.facade.service.type }}`, `{{- end }}`},
	},
	{
		kind: "Service", name: "berth-facade", path: "spec.ports.[name=https]",
		add: []string{`{{- with .Values.facade.service.nodePort }}`, `nodePort: {{ . | int }}`, `{{- end }}`},
	},
	{kind: "ServiceAccount", name: "berth-operator", path: "metadata", add: with(".Values.operator.serviceAccount.annotations", "annotations")},
	{kind: "ServiceAccount", name: "berth-facade", path: "metadata", add: with(".Values.facade.serviceAccount.annotations", "annotations")},
	{kind: "ServiceMonitor", path: "metadata.labels", add: with(".Values.metrics.labels", "")},
	{kind: "PrometheusRule", path: "metadata.labels", add: with(".Values.metrics.labels", "")},
	{
		kind: "NetworkPolicy", name: "berth-metrics", path: "spec.ingress.0.from.0.namespaceSelector.matchLabels",
		key: "kubernetes.io/metadata.name", set: ".Values.metrics.namespace | quote",
	},
}

// with returns lines that put a list or a mapping among others, or, with a key, below that key.
func with(path, key string) []string {
	if key == "" {
		return []string{"{{- with " + path + " }}", "{{- toYaml . | nindent $0 }}", "{{- end }}"}
	}
	return []string{"{{- with " + path + " }}", key + ":", "  {{- toYaml . | nindent $2 }}", "{{- end }}"}
}

// patch makes the patches of an object.
func (c *chart) patch(o *object) error {
	for _, p := range patches {
		if p.kind != o.GetKind() || p.name != "" && p.name != o.GetName() {
			continue
		}
		n, err := o.at(p.path)
		if err != nil {
			return err
		}
		if n != nil && p.key != "" {
			n = field(n, p.key)
		}
		switch {
		case n == nil:
			return fmt.Errorf("there is nothing at %s", p.path)
		case p.set != "":
			c.tokens.set(n, p.set)
		case p.instead != "":
			c.tokens.instead(n, p.instead)
		default:
			c.tokens.add(n, p.add...)
		}
	}
	return nil
}
