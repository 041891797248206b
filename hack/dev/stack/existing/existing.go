// Package existing finds out how Berth is installed into a cluster that is there already: by its only ingress class, its only issuer, its registry.
package existing

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Settings are how Berth is installed. Find fills in what is empty.
type Settings struct {
	// IngressClass is the IngressClass of the routes.
	IngressClass string
	// Issuer is the cert-manager ClusterIssuer.
	Issuer string
	// RouterNamespace is the Namespace of the ingress controller's Pods, and RouterNetwork the networks of one that has no Pod addresses. Lists, with
	// commas; one of both is enough.
	RouterNamespace, RouterNetwork string
	// Registry is where images go.
	Registry Registry
	// Loader loads images without a registry; nil if there is one.
	Loader *Loader
}

// String says what was found.
func (s Settings) String() string {
	router, images := "in the Namespace "+s.RouterNamespace, "images in the registry "+s.Registry.Push
	if s.RouterNamespace == "" {
		router = "at " + s.RouterNetwork
	}
	if s.Loader != nil {
		images = "images loaded by " + s.Loader.Tool + " into the cluster " + s.Loader.Cluster
	}
	return "IngressClass " + s.IngressClass + " with its ingress controller " + router + ", ClusterIssuer " + s.Issuer + ", " + images
}

// Registry is an image registry, by HOST[:PORT][/REPOSITORY].
type Registry struct {
	// Push is its name on this machine, Pull that in the names of images.
	Push, Pull string
	// Documented reports whether the cluster says that it has this registry, which is reached at InCluster from Pods, if at all.
	Documented bool
	InCluster  string
}

// Cluster is a cluster to look at.
type Cluster struct {
	Client client.Client
	// Context is the name of the kubeconfig's context.
	Context string
	// Kubeconfig is the kubeconfig's path, quoted for a shell: it is part of the commands that install what is missing.
	Kubeconfig string
	// HasProgram reports whether a program is in PATH.
	HasProgram func(name string) bool
}

// finder looks at one cluster. Its methods fill in the settings and note what is missing.
type finder struct {
	Cluster

	settings Settings
	problems ProblemsError
}

// Find fills in the settings that were not given. What is missing or ambiguous is one ProblemsError.
func Find(ctx context.Context, c Cluster, given Settings) (Settings, error) {
	f := &finder{Cluster: c, settings: given}
	for _, find := range []func(context.Context) error{f.findIngressClass, f.findRouter, f.findIssuer, f.findRegistry} {
		if err := find(ctx); err != nil {
			return Settings{}, err
		}
	}
	if len(f.problems) > 0 {
		return Settings{}, f.problems
	}
	return f.settings, nil
}

// nodes lists the cluster's nodes.
func (f *finder) nodes(ctx context.Context) ([]corev1.Node, error) {
	var list corev1.NodeList
	err := f.Client.List(ctx, &list)
	return list.Items, err
}
