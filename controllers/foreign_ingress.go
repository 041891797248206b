package controllers

import (
	"slices"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/berth-dev/berth/internal/host"
)

// foreignHosts returns the hosts of an Ingress that is not Berth's, wildcards included. An orphaned Ingress of Berth's has none, since it is about
// to be deleted. Nor has one with which cert-manager answers an ACME challenge: its host is that of the certificate that is being issued.
func foreignHosts(ingress *networkingv1.Ingress) []string {
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

// ingressHostsChanged lets through that the hosts of Ingresses come, go or change, or that they are Berth's no longer.
var ingressHostsChanged = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return !slices.Equal(foreignHostsOf(e.ObjectOld), foreignHostsOf(e.ObjectNew)) || !slices.Equal(routeHostsOf(e.ObjectOld), routeHostsOf(e.ObjectNew))
}}

func foreignHostsOf(o client.Object) []string {
	ingress, ok := o.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	return foreignHosts(ingress)
}

var keepIngress = keepOurs(networkingv1ac.ExtractIngress, keepOfIngress)

// keepOfAnyIngress keeps of an Ingress that is not Berth's only who it is and which hosts it has.
func keepOfAnyIngress(in any) (any, error) {
	ingress, ok := in.(*networkingv1.Ingress)
	if !ok {
		return in, nil
	}
	names := foreignHosts(ingress)
	kept, err := keepIngress(ingress)
	if err != nil || len(names) == 0 {
		return kept, err
	}
	foreign := &networkingv1.Ingress{ObjectMeta: bare(ingress)}
	for _, name := range names {
		foreign.Spec.Rules = append(foreign.Spec.Rules, networkingv1.IngressRule{Host: name})
	}
	return foreign, nil
}
