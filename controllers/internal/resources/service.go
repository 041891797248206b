package resources

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

// Ports of every App's Service, whichever port its container serves on.
const (
	// servicePort is for Pods of the organization.
	servicePort = 80
	// routePort is for routes, which name it by a name that no other App's has.
	routePort = 81
)

// Service returns the Service of an App, through which its hosts and the Pods of its organization reach its Pods.
func Service(app *v1alpha1.App) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(app.GetName(), app.GetNamespace()).
		WithLabels(appLabels(app.GetName())).
		WithOwnerReferences(ownedBy(appKind, app)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(Selector(app.GetName())).
			WithPorts(httpPort(PortName, servicePort), httpPort(names.RoutePort(app.GetUID()), routePort)))
}

func httpPort(name string, number int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(name).
		WithProtocol(corev1.ProtocolTCP).
		WithPort(number).
		WithTargetPort(intstr.FromString(PortName))
}
