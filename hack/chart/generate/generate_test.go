package generate

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// sources are config/default and a component of a small product, by path.
var sources = map[string]string{
	"config/default/kustomization.yaml": `
namespace: berth-system
resources: [namespace.yaml, deployment.yaml, policy.yaml, crd.yaml]
configMapGenerator:
- name: berth
  literals: [BASE_DOMAIN=apps.example.com, KEY_RATE=7, NEW_SETTING=as it is, 'NEVER_ORGANIZATIONS=a,b']
`,
	"config/default/namespace.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: berth-system}}",
	"config/default/deployment.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: berth-operator
spec:
  replicas: 2
  template:
    spec:
      nodeSelector: {pool: a}
      containers:
      - name: operator
        image: berth-operator
        args: [--some=flag]
        envFrom:
        - configMapRef: {name: berth}
        lifecycle: {preStop: {sleep: {seconds: 5}}}
`,
	"config/default/policy.yaml": `
apiVersion: example.dev/v1
kind: Policy
metadata:
  name: anything
spec:
  expression: request.userInfo.username == 'system:serviceaccount:berth-system:berth-operator' && "berth-systems" != 'x'
  subjects:
  - {namespace: berth-system}
`,
	"config/default/crd.yaml": `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: apps.berth.dev, annotations: {a: b}}
spec: {description: "A template is {{ like }} this."}
`,
	"config/prometheus/kustomization.yaml": "{apiVersion: kustomize.config.k8s.io/v1alpha1, kind: Component, resources: [rules.yaml]}",
	"config/prometheus/rules.yaml": `
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: berth, namespace: berth-system}
spec:
  summary: '{{ $labels.pod }} is down'
`,
	"config/chart/README.md":                         "# Chart\n" + tableBegin + tableEnd + "The end.\n",
	"config/chart/templates/generated/old-gone.yaml": "an object that is no more",
	"config/chart/templates/own.yaml":                "a template that is not generated",
}

// generated runs the generator on a folder of these files and returns what the chart then has, by path below config/chart.
func generated(t *testing.T) map[string]string {
	t.Helper()
	root := t.TempDir()
	for name, content := range sources {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Run(root); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	chart := os.DirFS(filepath.Join(root, "config", "chart"))
	err := fs.WalkDir(chart, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(chart, name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestManifestsBecomeTemplates(t *testing.T) {
	t.Parallel()
	files := generated(t)
	for name, tc := range map[string]struct {
		reason, file string
		want, not    []string
	}{
		"Anything": {
			"an object of any kind is in the release's Namespace, wherever it names that", "templates/generated/policy-anything.yaml",
			[]string{
				"  namespace: {{ .Release.Namespace }}\n", "'system:serviceaccount:{{ .Release.Namespace }}:berth-operator'", "- namespace: {{ .Release.Namespace }}",
				`"berth-systems"`, `{{- include "berth.labels" . | nindent 4 }}`,
			},
			[]string{"berth-system:"},
		},
		"Settings": {
			"a setting without a value is what the manifests say", "templates/generated/_settings.tpl",
			[]string{
				`NEW_SETTING: "as it is"`, "BASE_DOMAIN: {{ .Values.baseDomain | quote }}",
				`NEVER_ORGANIZATIONS: {{ .Values.neverOrganizations | join "," | quote }}`,
			},
			[]string{"apps.example.com"},
		},
		"Deployment": {
			"what whoever installs it may say is a value, and the rest stays", "templates/generated/deployment-berth-operator.yaml",
			[]string{
				"replicas: {{ .Values.operator.replicas }}", `image: {{ include "berth.image" (list . "operator") }}`, "name: berth\n", "seconds: 5",
				"checksum/settings:", "{{- with .Values.operator.nodeSelector }}", "- --some=flag\n        {{- if ne .Values.issuer.kind",
				"            name: berth\n        {{- with .Values.operator.extraEnvFrom }}", "\n      {{- with .Values.operator.extraVolumes }}\n      volumes:\n",
			},
			[]string{"pool: a", "checksum/secrets"},
		},
		"Definition": {
			"definitions are kept, and what looks like a template stays text", "templates/generated/customresourcedefinition-apps.berth.dev.yaml",
			[]string{"{{- if .Values.crds.install }}\napiVersion", "    a: b\n    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep", `{{ "{{" }} like }}`},
			nil,
		},
		"Component": {
			"a component is an option", "templates/generated/prometheusrule-berth.yaml",
			[]string{"{{- if .Values.metrics.rules.enabled }}\n", `'{{ "{{" }} $labels.pod }} is down'`},
			nil,
		},
		"Values": {
			"presets are what the manifests say", "values.yaml",
			[]string{"# baseDomain: apps.example.com", "  keyRate: 7\n", "  replicas: 2\n", "neverOrganizations:\n- a\n- b\n", "    pool: a\n"},
			nil,
		},
		"README": {"the text around the table stays", "README.md", []string{"# Chart\n", "| `limits.keyRate` | `7` |", "The end.\n"}, nil},
		"Own":    {"what is not generated stays", "templates/own.yaml", []string{"a template that is not generated"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := files[tc.file]
			if !ok {
				t.Fatalf("there is no %s", tc.file)
			}
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s: %s lacks %q:\n%s", tc.reason, tc.file, want, got)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(got, not) {
					t.Errorf("%s: %s has %q:\n%s", tc.reason, tc.file, not, got)
				}
			}
		})
	}
	for _, name := range []string{"old-gone.yaml", "namespace-berth-system.yaml"} {
		if _, ok := files[filepath.Join(folder, name)]; ok {
			t.Errorf("there is %s", name)
		}
	}
}

// A value that no template reads, or one without a word about it, is a mistake in the table.
func TestEveryValueIsUsedAndDocumented(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..", "config", "chart")
	var templates strings.Builder
	err := filepath.WalkDir(filepath.Join(root, "templates"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		templates.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range table {
		if v.schema == nil || v.addon != "" && !hasAddon(filepath.Join("..", "..", ".."), v.addon) {
			continue
		}
		parts := strings.Split(v.path, ".")
		group, last := strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
		whole := strings.Contains(templates.String(), ".Values."+v.path)
		if !whole && (!strings.Contains(templates.String(), ".Values."+group) || !strings.Contains(templates.String(), "."+last)) {
			t.Errorf("no template reads %s", v.path)
		}
		if v.doc == "" {
			t.Errorf("nothing says what %s is", v.path)
		}
		for i := 1; i < len(parts); i++ {
			if group := strings.Join(parts[:i], "."); groups[group] == "" {
				t.Errorf("nothing says what %s is", group)
			}
		}
	}
}

func TestValuesFileIsYAMLThatTheSchemaKnows(t *testing.T) {
	t.Parallel()
	var values map[string]any
	if err := yaml.UnmarshalStrict([]byte(generated(t)["values.yaml"]), &values); err != nil {
		t.Fatal(err)
	}
	if _, ok := values["baseDomain"]; ok {
		t.Error("a required value has a preset, so that nobody sees that it is missing")
	}
}
