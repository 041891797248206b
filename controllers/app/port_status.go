package app

import (
	"fmt"

	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/internal/envport"
)

// explainPort adds to a symptom of Pods that are not ready which port they are asked at, and why.
func (s *Scope) explainPort(found *symptom) {
	if found == nil || found.reason != v1alpha1.ReasonReadinessProbeFailed || s.Port.Number == 0 {
		return
	}
	at := fmt.Sprintf("port %d (%s)", s.Port.Number, s.PortOrigin())
	if s.App.Spec.ReadinessProbe != nil {
		found.message = fmt.Sprintf("The container runs, but its readiness probe fails. The App is served at %s. Correct spec.readinessProbe, or set "+
			"spec.port or PORT to the port that the program listens on.", at)
		return
	}
	found.message = fmt.Sprintf("The container runs, but does not accept connections on %s. Set spec.port or PORT to the port that the program "+
		"listens on, and have it listen on all addresses.", at)
}

// PortOrigin says what the port comes from.
func (s *Scope) PortOrigin() string {
	switch s.Port.Source {
	case resources.PortFromSpec:
		return "spec.port" + s.otherPort()
	case resources.PortFromEnv:
		return "PORT in env"
	case resources.PortFromImage:
		return "the only TCP port that the image exposes"
	case resources.PortOfNone:
		return "the default, since the image exposes no TCP port"
	case resources.PortOfSeveral:
		return "the default, since the image exposes several TCP ports"
	case resources.PortUnknown:
		if s.imageFailure == nil {
			return "the port that is exposed is not known"
		}
		return "the port that the image exposes is not known: " + s.imageFailure.Error()
	default:
		return "the default"
	}
}

// otherPort says that env tells the program another port than spec.port does.
func (s *Scope) otherPort() string {
	for _, e := range s.App.Spec.Env {
		if e.Name != envport.Variable || e.ValueFrom != nil {
			continue
		}
		if number, ok := portIn(ptr.Deref(e.Value, "")); ok && number != 0 && number != s.Port.Number {
			return fmt.Sprintf("; PORT in env is %d", number)
		}
	}
	return ""
}
