package objects

import (
	"slices"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/berth-dev/berth/internal/host"
)

// ForeignHosts returns the hosts of an Ingress that is not Berth's, wildcards included. An orphaned Ingress of Berth's has none, since it is about
// to be deleted. Nor has one with which cert-manager answers an ACME challenge: its host is that of the certificate that is being issued.
func ForeignHosts(ingress *networkingv1.Ingress) []string {
	if isRoute(ingress) || isSolver(ingress) {
		return nil
	}
	var all []string
	for _, rule := range ingress.Spec.Rules {
		all = append(all, host.Normalize(rule.Host))
	}
	for _, tls := range ingress.Spec.TLS {
		for _, name := range tls.Hosts {
			all = append(all, host.Normalize(name))
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" })
}

// isSolver reports whether a Challenge of cert-manager controls an Ingress.
func isSolver(ingress *networkingv1.Ingress) bool {
	ref := metav1.GetControllerOfNoCopy(ingress)
	return ref != nil && ref.APIVersion == acmev1.SchemeGroupVersion.String() && ref.Kind == "Challenge"
}

// IngressHostsChanged lets through that the hosts of Ingresses come, go or change, or that they are Berth's no longer.
var IngressHostsChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !slices.Equal(ForeignHostsOf(e.ObjectOld), ForeignHostsOf(e.ObjectNew)) || !slices.Equal(RouteHostsOf(e.ObjectOld), RouteHostsOf(e.ObjectNew))
}}

// ForeignHostsOf returns ForeignHosts of an Ingress, and nothing of another object.
func ForeignHostsOf(o client.Object) []string {
	ingress, ok := o.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	return ForeignHosts(ingress)
}

// isRoute reports whether an Ingress is the route of an App or a Domain, or has been.
func isRoute(ingress *networkingv1.Ingress) bool { return IsOurs(ingress) || IsOrphaned(ingress) }

// RouteHosts returns the hosts of Berth's Ingresses. The cache holds them as those of spec.tls.
func RouteHosts(ingress *networkingv1.Ingress) []string {
	if !isRoute(ingress) {
		return nil
	}
	var all []string
	for _, tls := range ingress.Spec.TLS {
		for _, name := range tls.Hosts {
			all = append(all, host.Normalize(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// RouteHostsOf returns RouteHosts of an Ingress, and nothing of another object.
func RouteHostsOf(o client.Object) []string {
	ingress, ok := o.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	return RouteHosts(ingress)
}
