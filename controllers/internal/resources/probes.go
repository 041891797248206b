package resources

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

const (
	// startupPeriodSeconds is how often the port is tried until it accepts connections, which programs do not notice.
	startupPeriodSeconds = 1
	// startupFailures never restarts a program for the time that it takes to listen, as nothing else would.
	startupFailures = math.MaxInt32
	// readinessPeriodSeconds is how often the port is tried from then on. Many programs log each of these connections. The kubelet notices
	// the end of a program without a probe.
	readinessPeriodSeconds = 10
	// readinessFailures is how many failures in a row take a Pod out of the routes: one may be a moment's load.
	readinessFailures = 2
	// probeTimeoutSeconds is for how long a connection may take.
	probeTimeoutSeconds = 1
)

// probes are those of an App's container; nil for one that it does not have.
type probes struct {
	startup, readiness, liveness *corev1ac.ProbeApplyConfiguration
}

// probesOf returns the App's own probes, and the defaults for a startup and a readiness probe. The default startup probe belongs to the default
// readiness probe: the kubelet runs the latter as soon as the former has succeeded.
func probesOf(app *v1alpha1.App) (probes, error) {
	p := probes{readiness: portProbe(readinessPeriodSeconds, readinessFailures)}
	if app.Spec.ReadinessProbe == nil {
		p.startup = portProbe(startupPeriodSeconds, startupFailures)
	}
	for _, own := range []struct {
		from *corev1.Probe
		to   **corev1ac.ProbeApplyConfiguration
	}{
		{app.Spec.StartupProbe, &p.startup}, {app.Spec.ReadinessProbe, &p.readiness}, {app.Spec.LivenessProbe, &p.liveness},
	} {
		if own.from == nil {
			continue
		}
		probe, err := convert[corev1ac.ProbeApplyConfiguration](withoutHost(own.from))
		if err != nil {
			return p, err
		}
		*own.to = probe
	}
	return p, nil
}

// withoutHost returns a probe that asks the App's own Pods. The kubelet asks any host that a probe names, from the node's network. The API server
// refuses one, but does not look again at Apps that had it before.
func withoutHost(probe *corev1.Probe) *corev1.Probe {
	own := probe.DeepCopy()
	if own.HTTPGet != nil {
		own.HTTPGet.Host = ""
	}
	if own.TCPSocket != nil {
		own.TCPSocket.Host = ""
	}
	return own
}

// portProbe returns a probe that succeeds if the App's port accepts connections.
func portProbe(period, failures int32) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithTCPSocket(corev1ac.TCPSocketAction().WithPort(intstr.FromString(PortName))).
		WithPeriodSeconds(period).
		WithTimeoutSeconds(probeTimeoutSeconds).
		WithFailureThreshold(failures)
}
