package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// servicePort is the port of every App's Service, whichever port its container serves on.
const servicePort = 80

// Service returns the Service of an App, through which its hosts reach its Pods.
func Service(app *v1alpha1.App) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(app.GetName(), app.GetNamespace()).
		WithLabels(appLabels(app.GetName())).
		WithOwnerReferences(ownedBy(appKind, app)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(Selector(app.GetName())).
			WithPorts(corev1ac.ServicePort().
				WithName(PortName).
				WithProtocol(corev1.ProtocolTCP).
				WithPort(servicePort).
				WithTargetPort(intstr.FromString(PortName))))
}
