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

const timeout = 3 * time.Minute

// helm does what the command of that name does, with one release, which is called as its Namespace.
type helm struct {
	namespace string
	config    *action.Configuration
}

func newHelm(t *testing.T, namespace string) *helm {
	t.Helper()
	settings := cli.New()
	settings.KubeConfig = berth.Env.Kubeconfig
	settings.SetNamespace(namespace)
	config := action.NewConfiguration()
	if err := config.Init(settings.RESTClientGetter(), namespace, "secret"); err != nil {
		t.Fatal(err)
	}
	return &helm{namespace: namespace, config: config}
}

// values are those of the stack's cluster, with the images of these tags.
func values(tags map[string]string) map[string]any {
	s := berth.Settings()
	image := func(name string) map[string]any { return map[string]any{"tag": tags[name]} }
	list := func(of []string) []any {
		all := []any{}
		for _, one := range of {
			all = append(all, one)
		}
		return all
	}
	return map[string]any{
		"baseDomain": berth.Env.BaseDomain, "ingressClass": s.IngressClass,
		"image":            map[string]any{"registry": s.ImageRegistry},
		"issuer":           map[string]any{"name": s.Issuer},
		"routerNamespaces": []any{}, "routerNetworks": list(s.RouterNetworks),
		"registries": map[string]any{"mirrors": list(s.RegistryMirrors), "internal": list(s.InternalRegistries)},
		"operator":   map[string]any{"image": image("operator")},
		"facade": map[string]any{
			"image":       image("facade"),
			"service":     map[string]any{"type": "NodePort", "nodePort": s.FacadeNodePort},
			"certificate": map[string]any{"dnsNames": []any{"localhost", "berth.example.test"}},
		},
	}
}

func (h *helm) install(t *testing.T, chart *chartv2.Chart, values map[string]any) {
	t.Helper()
	h.run(t, action.NewInstall(h.config), chart, values)
}

// takeOver installs what is there already, as --take-ownership and --force-conflicts do.
func (h *helm) takeOver(t *testing.T, chart *chartv2.Chart, values map[string]any) {
	t.Helper()
	i := action.NewInstall(h.config)
	i.TakeOwnership, i.ForceConflicts = true, true
	h.run(t, i, chart, values)
}

func (h *helm) run(t *testing.T, i *action.Install, chart *chartv2.Chart, values map[string]any) {
	t.Helper()
	i.ReleaseName, i.Namespace, i.CreateNamespace = h.namespace, h.namespace, true
	i.WaitStrategy, i.Timeout = kube.StatusWatcherStrategy, timeout
	if _, err := i.RunWithContext(t.Context(), chart, maps.Clone(values)); err != nil {
		t.Fatalf("install %s: %v", chart.Metadata.Version, err)
	}
}

// upgrade has values beside those of the release, as --reset-then-reuse-values does.
func (h *helm) upgrade(t *testing.T, chart *chartv2.Chart, more map[string]any) {
	t.Helper()
	u := action.NewUpgrade(h.config)
	u.Namespace, u.WaitStrategy, u.Timeout, u.ResetThenReuseValues = h.namespace, kube.StatusWatcherStrategy, timeout, true
	if _, err := u.RunWithContext(t.Context(), h.namespace, chart, maps.Clone(more)); err != nil {
		t.Fatalf("upgrade to %s: %v", chart.Metadata.Version, err)
	}
}

func (h *helm) uninstall(t *testing.T) {
	t.Helper()
	u := action.NewUninstall(h.config)
	u.WaitStrategy, u.Timeout = kube.StatusWatcherStrategy, timeout
	if _, err := u.Run(h.namespace); err != nil {
		t.Fatalf("uninstall: %v", err)
	}
}

func currentChart(t *testing.T) *chartv2.Chart {
	t.Helper()
	return load(t, filepath.Join(root, "config", "chart"))
}

// previousChart is an earlier one, as hack/chart/README.md says. Its definition of App loses a column here, which shows that an upgrade brings the
// current one.
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
