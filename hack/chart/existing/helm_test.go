package existing

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/cli"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const namespace = "default"

// render renders an installation as `helm install --dry-run=server` does, and returns Berth's settings.
func render(t *testing.T, config *rest.Config, values string) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load("../../../config/chart")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	settings := cli.New()
	settings.KubeConfig = kubeconfig(t, config)
	settings.SetNamespace(namespace)
	helm := action.NewConfiguration()
	if err := helm.Init(settings.RESTClientGetter(), namespace, "memory"); err != nil {
		t.Fatal(err)
	}
	i := action.NewInstall(helm)
	i.ReleaseName, i.Namespace, i.DryRunStrategy = "berth", namespace, action.DryRunServer
	i.TakeOwnership = true // Tests make a ConfigMap of an earlier release.
	rendered, err := i.RunWithContext(t.Context(), chart, given)
	if err != nil {
		return nil, err
	}
	r, ok := rendered.(*release.Release)
	if !ok {
		t.Fatalf("it is a %T", rendered)
	}
	for text := range strings.SplitSeq(r.Manifest, "\n---\n") {
		var o struct {
			Kind     string
			Metadata struct{ Name string }
			Data     map[string]string
		}
		if err := yaml.Unmarshal([]byte(text), &o); err == nil && o.Kind == "ConfigMap" && o.Metadata.Name == "berth" {
			return o.Data, nil
		}
	}
	t.Fatal("there are no settings")
	return nil, nil
}

// kubeconfig writes a file that leads to the API server.
func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	if !strings.Contains(config.Host, "://") {
		file.Clusters["test"].Server = "https://" + config.Host
	}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData, Token: config.BearerToken}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	file.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// create makes the objects of a manifest until the test ends.
func create(t *testing.T, config *rest.Config, manifest string) {
	t.Helper()
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(manifest, "---") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		if err := api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := api.Delete(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
}
