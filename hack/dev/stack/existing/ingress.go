package existing

import (
	"context"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// releaseNamespace is an annotation that Helm puts on all objects of a release.
const releaseNamespace = "meta.helm.sh/release-namespace"

// findIngressClass takes the cluster's default IngressClass, or its only one.
func (f *finder) findIngressClass(ctx context.Context) error {
	var list networkingv1.IngressClassList
	if err := f.Client.List(ctx, &list); err != nil {
		return err
	}
	var all, defaults []string
	for _, class := range list.Items {
		all = append(all, class.Name)
		if class.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
			defaults = append(defaults, class.Name)
		}
	}
	switch given := f.settings.IngressClass; {
	case given != "":
		if len(all) > 0 && !slices.Contains(all, given) {
			f.problem("There is no IngressClass " + given + ". The cluster has " + listed(all) + ": choose one by INGRESS_CLASS=NAME.")
		}
	case len(defaults) == 1:
		f.settings.IngressClass = defaults[0]
	case len(all) == 1:
		f.settings.IngressClass = all[0]
	case len(defaults) > 1:
		f.problem("The cluster has several default IngressClasses: " + listed(defaults) + ". Choose one by INGRESS_CLASS=NAME.")
	case len(all) > 1:
		f.problem("The cluster has several IngressClasses, none of which is the default: " + listed(all) + ". Choose one by INGRESS_CLASS=NAME.")
	default:
		return f.noIngressClass(ctx)
	}
	return nil
}

// noIngressClass tells that there is no ingress controller, and that a Gateway's does not count.
func (f *finder) noIngressClass(ctx context.Context) error {
	what := "The cluster has no ingress controller: there is no IngressClass."
	gateways := &metav1.PartialObjectMetadataList{}
	gateways.SetGroupVersionKind(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "GatewayClassList"})
	if err := f.Client.List(ctx, gateways); err != nil && !meta.IsNoMatchError(err) {
		return err
	}
	var names []string
	for i := range gateways.Items {
		names = append(names, gateways.Items[i].Name)
	}
	if len(names) > 0 {
		what += " It has the Gateway API (GatewayClass " + listed(names) + "), which Berth does not support yet: routes are Ingresses."
	}
	f.problem(what+" Install one, such as Traefik:", "helm upgrade --install traefik --repo https://traefik.github.io/charts traefik --namespace traefik "+
		"--create-namespace --kubeconfig "+f.Kubeconfig)
	return nil
}

// findRouter finds the Namespace of the ingress controller: that of the ServiceAccount that may write the status of Ingresses or, where there are
// several, that in which Helm has installed the IngressClass.
func (f *finder) findRouter(ctx context.Context) error {
	if f.settings.RouterNamespace != "" || f.settings.RouterNetwork != "" || f.settings.IngressClass == "" {
		return nil
	}
	var class networkingv1.IngressClass
	err := f.Client.Get(ctx, client.ObjectKey{Name: f.settings.IngressClass}, &class)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	candidates, err := f.routers(ctx)
	if err != nil {
		return err
	}
	release := class.Annotations[releaseNamespace]
	switch {
	case len(candidates) == 1:
		f.settings.RouterNamespace = candidates[0]
	case release != "" && (len(candidates) == 0 || slices.Contains(candidates, release)):
		f.settings.RouterNamespace = release
	case len(candidates) > 1:
		f.problem("It is not clear which Namespace the ingress controller of the IngressClass " + class.Name + " is in: " + listed(candidates) +
			". Choose one by ROUTER_NAMESPACE=NAME, or several with commas between.")
	default:
		f.problem("The Namespace of the ingress controller of the IngressClass " + f.settings.IngressClass + " was not found. Name it by " +
			"ROUTER_NAMESPACE=NAME or, if its Pods use the network of their nodes or it is outside of the cluster, its network by ROUTER_NETWORK=CIDR.")
	}
	return nil
}

// routers returns the Namespaces of the ServiceAccounts that may write the status of Ingresses in the whole cluster, as ingress controllers do.
func (f *finder) routers(ctx context.Context) ([]string, error) {
	var roles rbacv1.ClusterRoleList
	var bindings rbacv1.ClusterRoleBindingList
	for _, list := range []client.ObjectList{&roles, &bindings} {
		if err := f.Client.List(ctx, list); err != nil {
			return nil, err
		}
	}
	var names, namespaces []string
	for _, role := range roles.Items {
		if slices.ContainsFunc(role.Rules, writesIngressStatus) {
			names = append(names, role.Name)
		}
	}
	for _, b := range bindings.Items {
		for _, subject := range b.Subjects {
			if slices.Contains(names, b.RoleRef.Name) && subject.Kind == rbacv1.ServiceAccountKind && !slices.Contains(namespaces, subject.Namespace) {
				namespaces = append(namespaces, subject.Namespace)
			}
		}
	}
	return namespaces, nil
}

// writesIngressStatus reports whether a rule is about the status of Ingresses in particular. Administrators' rules are about everything.
func writesIngressStatus(rule rbacv1.PolicyRule) bool {
	write := func(verb string) bool { return verb == "update" || verb == "patch" || verb == rbacv1.VerbAll }
	return slices.Contains(rule.APIGroups, networkingv1.GroupName) && slices.Contains(rule.Resources, "ingresses/status") &&
		slices.ContainsFunc(rule.Verbs, write)
}
