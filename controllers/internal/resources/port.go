package resources

import (
	"slices"

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
	// PortFromDefault is the port of an App that names none, where registries are not asked.
	PortFromDefault PortSource = "default"
	// PortFromImage is the only TCP port that the image exposes.
	PortFromImage PortSource = "image"
	// PortOfNone is the port of an App whose image exposes no TCP port.
	PortOfNone PortSource = "none-exposed"
	// PortOfSeveral is the port of an App whose image exposes several TCP ports.
	PortOfSeveral PortSource = "several-exposed"
	// PortUnknown is the port of an App whose image's registry has not said which ports it exposes.
	PortUnknown PortSource = "unknown"
)

// Port is the port that the container of an App serves on.
type Port struct {
	// Number is from 1 to 65535; 0 while the port is not known.
	Number int32
	// Source is what the number comes from.
	Source PortSource
}

// fromRegistry are the sources that take a request to a registry. The Deployment remembers which one it was.
var fromRegistry = []PortSource{PortFromImage, PortOfNone, PortOfSeveral, PortUnknown}

// DeploymentAt returns the Deployment of an App whose container serves on a port.
func DeploymentAt(app *v1alpha1.App, tenant Tenant, port Port) (*appsv1ac.DeploymentApplyConfiguration, error) {
	served := *app
	served.Spec.Port = port.Number
	d, err := Deployment(&served, tenant)
	if err == nil && slices.Contains(fromRegistry, port.Source) {
		d.WithAnnotations(map[string]string{v1alpha1.AnnotationPortFrom: string(port.Source)})
	}
	return d, err
}
