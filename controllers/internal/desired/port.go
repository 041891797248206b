package desired

import (
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// PortSource is what the port of an App comes from.
type PortSource string

const (
	// PortFromSpec is the port in spec.port.
	PortFromSpec PortSource = "spec"
	// PortFromEnv is the port in the variable PORT of env.
	PortFromEnv PortSource = "env"
	// PortFromDefault is the port of an App that names none.
	PortFromDefault PortSource = "default"
)

// Port is the port that the container of an App serves on.
type Port struct {
	// Number is from 1 to 65535; 0 while the port is not known.
	Number int32
	// Source is what the number comes from.
	Source PortSource
}

// DeploymentAt returns the Deployment of an App whose container serves on a port.
func DeploymentAt(app *v1alpha1.App, tenant Tenant, port Port) (*appsv1ac.DeploymentApplyConfiguration, error) {
	served := *app
	served.Spec.Port = port.Number
	return Deployment(&served, tenant)
}
