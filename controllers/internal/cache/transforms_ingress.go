package cache

import (
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/berth-dev/berth/controllers/internal/objects"
)

var keepIngress = keepOurs(networkingv1ac.ExtractIngress, keepOfIngress)

// keepOfAnyIngress keeps of an Ingress that is not Berth's only who it is and which hosts it has.
func keepOfAnyIngress(in any) (any, error) {
	ingress, ok := in.(*networkingv1.Ingress)
	if !ok {
		return in, nil
	}
	names := objects.ForeignHosts(ingress)
	kept, err := keepIngress(ingress)
	if err != nil || len(names) == 0 {
		return kept, err
	}
	foreign := &networkingv1.Ingress{ObjectMeta: objects.Bare(ingress)}
	for _, name := range names {
		foreign.Spec.Rules = append(foreign.Spec.Rules, networkingv1.IngressRule{Host: name})
	}
	return foreign, nil
}
