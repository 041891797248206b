package generate

import "fmt"

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
	{kind("ServiceMonitor"), ".Values.metrics.serviceMonitor.enabled"},
	{kind("PrometheusRule"), ".Values.metrics.rules.enabled"},
	{func(o *object) bool { return o.GetLabels()["grafana_dashboard"] != "" }, ".Values.metrics.dashboard.enabled"},
}

func kind(k string) func(*object) bool { return func(o *object) bool { return o.GetKind() == k } }

// patch is something that the chart replaces in, or adds to, objects of a kind.
type patch struct {
	// kind and name say in which; an empty name: in all.
	kind, name string
	// path is where.
	path string
	// set is the expression that a value there becomes, add the lines of template that a mapping or list there gets.
	set string
	add []string
}

// patches are made in this order.
var patches = []patch{
	{kind: "CustomResourceDefinition", path: "metadata.annotations", add: []string{`{{- if .Values.crds.keep }}`, `helm.sh/resource-policy: keep`, `{{- end }}`}},
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.name", set: `include "berth.facadeIssuer" (list . "name")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.kind", set: `include "berth.facadeIssuer" (list . "kind")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.issuerRef.group", set: `include "berth.facadeIssuer" (list . "group")`},
	{kind: "Certificate", name: "berth-facade", path: "spec.dnsNames", add: with(".Values.facade.certificate.dnsNames", "")},
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
}

// with are lines that put a list or a mapping among others, or, with a key, below that key.
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
		switch {
		case n == nil:
			return fmt.Errorf("there is nothing at %s", p.path)
		case p.set != "":
			c.tokens.set(n, p.set)
		default:
			c.tokens.add(n, p.add...)
		}
	}
	return nil
}
