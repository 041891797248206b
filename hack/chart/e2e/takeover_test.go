package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	berthv1alpha1 "github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/config/manifests"
	"github.com/berth-dev/berth/hack/dev/stack"
	"github.com/berth-dev/berth/hack/e2e/witness"
)

// overlay is what docs/guides/install.md has, for the stack's cluster.
const overlay = `
resources: [CONFIG/default]
images:
- {name: berth-operator, newName: %[1]s/operator, newTag: "%[2]s"}
- {name: berth-facade, newName: %[1]s/facade, newTag: "%[3]s"}
configMapGenerator:
- name: berth
  namespace: berth-system
  behavior: merge
  literals:
  - BASE_DOMAIN=%[4]s
  - ISSUER_NAME=%[5]s
  - INGRESS_CLASS=%[6]s
  - ROUTER_NAMESPACE=
  - ROUTER_NETWORK=%[7]s
  - REGISTRY_MIRRORS=%[8]s
  - INTERNAL_REGISTRIES=%[9]s
patches:
- target: {kind: Certificate, name: berth-facade}
  patch: |
    - {op: replace, path: /spec/issuerRef/name, value: %[5]s}
    - {op: replace, path: /spec/dnsNames, value: [localhost]}
`

// What kustomize has installed, and an App runs by, becomes a release. The one who visits the App doesn't notice. When the release goes with its
// definitions, everything goes.
func TestTakeOver(t *testing.T) {
	helm, current := newHelm(t, stack.Namespace), currentChart(t)
	kubectl(t, "", "apply", "--server-side", "-k", writeOverlay(t))
	kubectl(t, "", "rollout", "status", "-n", stack.Namespace, "deployment/berth-operator", "deployment/berth-facade", "--timeout=2m")
	makeApp(t, "moved")
	makeDomain(t, "www.moved.test", "moved")
	mustBeReady(t, "moved")
	before := state(t, "moved")
	visitor := visit(t, "moved."+berth.Env.BaseDomain)

	all := values(berth.Settings().ImageTags)
	all["crds"] = map[string]any{"keep": false}
	helm.takeOver(t, current, all)
	mustList(t, "moved")
	mustBeTheSame(t, "new owner", before, state(t, "moved"))
	visitor.MustNotHaveNoticed(t)

	helm.uninstall(t)
	witness.Eventually(t, 2*time.Minute, "neither definitions nor Pods are left", func() (bool, string) {
		err := berth.Client.List(t.Context(), &berthv1alpha1.AppList{})
		var pods corev1.PodList
		if err := berth.Client.List(t.Context(), &pods, client.InNamespace(organization)); err != nil {
			t.Fatal(err)
		}
		return (meta.IsNoMatchError(err) || apierrors.IsNotFound(err)) && len(pods.Items) == 0, fmt.Sprint(err, ", Pods: ", len(pods.Items))
	})
}

// writeOverlay writes the overlay into a folder.
func writeOverlay(t *testing.T) string {
	t.Helper()
	s := berth.Settings()
	text := fmt.Sprintf(overlay, s.ImageRegistry, s.ImageTags["operator"], s.ImageTags["facade"], berth.Env.BaseDomain, s.Issuer, s.IngressClass,
		strings.Join(s.RouterNetworks, ","), strings.Join(s.RegistryMirrors, ","), strings.Join(s.InternalRegistries, ","))
	dir := t.TempDir()
	if err := manifests.Write(dir, filepath.Join(root, "config"), text); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kubectl runs kubectl with a text on its standard input.
func kubectl(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), clusterCommand, append([]string{"kubectl", "--kubeconfig", berth.Env.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
