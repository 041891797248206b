package existing

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// hosting is where a cluster documents its registry; see KEP-1755, Communicating a Local Registry.
var hosting = client.ObjectKey{Namespace: "kube-public", Name: "local-registry-hosting"}

// hostingKey is the key of that ConfigMap.
const hostingKey = "localRegistryHosting.v1"

// localRegistry is what the ConfigMap says.
type localRegistry struct {
	Host                     string `json:"host"`
	HostFromContainerRuntime string `json:"hostFromContainerRuntime"`
	HostFromClusterNetwork   string `json:"hostFromClusterNetwork"`
}

// findRegistry takes the registry that the cluster documents or, without one, loads images into the nodes of kind and k3d.
func (f *finder) findRegistry(ctx context.Context) error {
	r := &f.settings.Registry
	if r.Push != "" {
		r.Pull = cmp.Or(r.Pull, r.Push)
		return nil
	}
	var config corev1.ConfigMap
	err := f.Client.Get(ctx, hosting, &config)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	text := config.Data[hostingKey]
	if apierrors.IsNotFound(err) || strings.TrimSpace(text) == "" {
		return f.findLoader(ctx)
	}
	where := fmt.Sprintf("The ConfigMap %s, which documents the cluster's registry,", hosting)
	var documented localRegistry
	if err := yaml.Unmarshal([]byte(text), &documented); err != nil {
		f.problem(fmt.Sprintf("%s cannot be read: %s: %v. Mend it, or name a registry by REGISTRY=HOST[:PORT][/REPOSITORY].", where, hostingKey, err))
		return nil
	}
	r.Push, r.InCluster, r.Documented = bare(documented.Host), bare(documented.HostFromClusterNetwork), true
	r.Pull = cmp.Or(bare(documented.HostFromContainerRuntime), r.Push)
	if r.Push == "" {
		f.problem(where + " names no host that this machine can push to. Name a registry by REGISTRY=HOST[:PORT][/REPOSITORY].")
	}
	return nil
}

// bare returns a host without the scheme and the slash that some write beside it.
func bare(host string) string {
	host = strings.TrimSpace(host)
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	return strings.TrimRight(host, "/")
}

// noRegistry tells that there is no way for images into the cluster; why may say more.
func (f *finder) noRegistry(why string) {
	f.problem(strings.TrimSpace("No image registry was found: the cluster documents none in the ConfigMap "+hosting.String()+". "+why)+
		" Name one that this machine pushes to and the nodes pull from by REGISTRY=HOST[:PORT][/REPOSITORY], or start one in the cluster for a trial:",
		fmt.Sprintf("kubectl create deployment registry --image=registry:3 --port=5000 --kubeconfig %[1]s && "+
			"kubectl create service nodeport registry --tcp=5000 --node-port=30500 --kubeconfig %[1]s", f.Kubeconfig),
		fmt.Sprintf("kubectl port-forward service/registry 30500:5000 --kubeconfig %[1]s & make run KUBECONFIG=%[1]s REGISTRY=localhost:30500", f.Kubeconfig))
}
