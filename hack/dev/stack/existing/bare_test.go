package existing

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

// A cluster with nothing: all that is missing is told at once, also where it has gateways instead of an ingress controller.
func TestBareCluster(t *testing.T) {
	t.Parallel()
	config := testenv.StartBare(t)
	problems := func(given Settings) []string {
		t.Helper()
		_, err := look(t, api(t, config), "admin", given)
		all, ok := errors.AsType[ProblemsError](err)
		if !ok {
			t.Fatalf("it returned %v", err)
		}
		var first []string
		for _, p := range all {
			first = append(first, p.What[:strings.IndexAny(p.What, ".:")])
			if len(p.Commands) == 0 || len(p.Commands) > 2 {
				t.Errorf("%q has %d commands", p.What, len(p.Commands))
			}
			for _, command := range p.Commands {
				if !strings.Contains(err.Error(), "\n    "+command+"\n") {
					t.Errorf("the message lacks %q: %v", command, err)
				}
			}
		}
		return first
	}
	want := []string{"The cluster has no ingress controller", "The cluster has no cert-manager", "No image registry was found"}
	if diff := cmp.Diff(want, problems(Settings{})); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	want = []string{"The cluster has no cert-manager, and so no ClusterIssuer ca"}
	if diff := cmp.Diff(want, problems(Settings{IngressClass: "c", RouterNamespace: "n", Issuer: "ca", Registry: pushed("r")})); diff != "" {
		t.Errorf("an issuer is given: -want, +got:\n%s", diff)
	}

	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	crd := filepath.Join(strings.TrimSpace(string(dir)), "config", "crd", "standard", "gateway.networking.k8s.io_gatewayclasses.yaml")
	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{crd}, ErrorIfPathMissing: true}); err != nil {
		t.Fatal(err)
	}
	gateway := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"controllerName": "example.com/gateway"}}}
	gateway.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "GatewayClass"})
	gateway.SetName("envoy")
	create(t, api(t, config), gateway)
	if _, err := look(t, api(t, config), "admin", Settings{}); !strings.Contains(err.Error(), "GatewayClass envoy), which Berth does not support yet") {
		t.Errorf("it does not say that gateways are not supported: %v", err)
	}
}
