package e2e

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"
)

// The release that is tested.
const (
	releaseName = "platform"
	namespace   = "platform"
)

const timeout = 3 * time.Minute

// helm does what the command of that name does.
type helm struct {
	config *action.Configuration
	values map[string]any
}

func newHelm(t *testing.T) *helm {
	t.Helper()
	settings := cli.New()
	settings.KubeConfig = berth.Env.Kubeconfig
	settings.SetNamespace(namespace)
	config := action.NewConfiguration()
	if err := config.Init(settings.RESTClientGetter(), namespace, "secret"); err != nil {
		t.Fatal(err)
	}
	return &helm{config: config, values: values()}
}

// values are those of the stack's cluster.
func values() map[string]any {
	s := berth.Settings()
	image := func(name string) map[string]any { return map[string]any{"tag": s.ImageTags[name]} }
	networks := []any{}
	for _, n := range s.RouterNetworks {
		networks = append(networks, n)
	}
	return map[string]any{
		"baseDomain": berth.Env.BaseDomain, "ingressClass": s.IngressClass,
		"image":            map[string]any{"registry": s.ImageRegistry},
		"issuer":           map[string]any{"name": s.Issuer},
		"routerNamespaces": []any{}, "routerNetworks": networks,
		"operator": map[string]any{"image": image("operator")},
		"facade": map[string]any{
			"image":       image("facade"),
			"service":     map[string]any{"type": "NodePort", "nodePort": s.FacadeNodePort},
			"certificate": map[string]any{"dnsNames": []any{"localhost", "berth.example.test"}},
		},
	}
}

func (h *helm) install(t *testing.T, chart *chartv2.Chart) {
	t.Helper()
	i := action.NewInstall(h.config)
	i.ReleaseName, i.Namespace, i.CreateNamespace = releaseName, namespace, true
	i.WaitStrategy, i.Timeout = kube.StatusWatcherStrategy, timeout
	if _, err := i.RunWithContext(t.Context(), chart, maps.Clone(h.values)); err != nil {
		t.Fatalf("install %s: %v", chart.Metadata.Version, err)
	}
}

func (h *helm) upgrade(t *testing.T, chart *chartv2.Chart) {
	t.Helper()
	u := action.NewUpgrade(h.config)
	u.Namespace, u.WaitStrategy, u.Timeout = namespace, kube.StatusWatcherStrategy, timeout
	if _, err := u.RunWithContext(t.Context(), releaseName, chart, maps.Clone(h.values)); err != nil {
		t.Fatalf("upgrade to %s: %v", chart.Metadata.Version, err)
	}
}

func (h *helm) uninstall(t *testing.T) {
	t.Helper()
	u := action.NewUninstall(h.config)
	u.WaitStrategy, u.Timeout = kube.StatusWatcherStrategy, timeout
	if _, err := u.Run(releaseName); err != nil {
		t.Fatalf("uninstall: %v", err)
	}
}

func currentChart(t *testing.T) *chartv2.Chart {
	t.Helper()
	return load(t, filepath.Join(root, "config", "chart"))
}

// previousChart is the one of the last release. Its definition of App lacks a column, which shows that an upgrade brings the current one.
func previousChart(t *testing.T) *chartv2.Chart {
	t.Helper()
	packages, err := filepath.Glob("testdata/berth-*.tgz")
	if err != nil || len(packages) != 1 {
		t.Fatalf("there is not one previous chart but %q: %v", packages, err)
	}
	chart := load(t, packages[0])
	column := []byte("    - jsonPath: .metadata.creationTimestamp\n      name: Age\n      type: date\n")
	i := slices.IndexFunc(chart.Templates, func(f *common.File) bool {
		return bytes.Contains(f.Data, column) && bytes.Contains(f.Data, []byte("apps.berth.dev"))
	})
	if i < 0 {
		t.Fatal("the previous definition of App has no column Age to lose")
	}
	chart.Templates[i].Data = bytes.Replace(chart.Templates[i].Data, column, nil, 1)
	return chart
}

func load(t *testing.T, path string) *chartv2.Chart {
	t.Helper()
	loaded, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	chart, ok := loaded.(*chartv2.Chart)
	if !ok {
		t.Fatalf("%s is a %T", path, loaded)
	}
	return chart
}
