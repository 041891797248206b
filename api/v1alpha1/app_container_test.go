package v1alpha1_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestAppContainer(t *testing.T) {
	t.Parallel()
	spec := func(change func(*v1alpha1.AppSpec)) func(*v1alpha1.App) {
		return func(a *v1alpha1.App) { change(&a.Spec) }
	}
	command := func(command ...string) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Command = command })
	}
	args := func(args ...string) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Args = args })
	}
	settle := func(seconds int32) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.MinReadySeconds = &seconds })
	}
	capabilities := func(c v1alpha1.Capabilities) func(*v1alpha1.App) {
		return spec(func(s *v1alpha1.AppSpec) { s.Security = &v1alpha1.AppSecurity{Capabilities: c} })
	}
	runApps(t, map[string]appCase{
		"Command":             {change: command("/bin/sh", "-c", "exec web $(PORT)\n", "")},
		"Args":                {change: args("--verbose", "", "ä")},
		"MostCommand":         {change: command(slices.Repeat([]string{"a"}, 256)...)},
		"MostArgs":            {change: args(slices.Repeat([]string{"a"}, 256)...)},
		"LongestArgument":     {change: args(repeat(65536))},
		"TooMuchCommand":      {change: command(slices.Repeat([]string{"a"}, 257)...), refused: "spec.command"},
		"TooManyArgs":         {change: args(slices.Repeat([]string{"a"}, 257)...), refused: "spec.args"},
		"CommandTooLong":      {change: command(repeat(131073)), refused: "spec.command[0]"},
		"ArgumentTooLong":     {change: args("a", repeat(131073)), refused: "spec.args[1]"},
		"SettleNever":         {change: settle(0)},
		"SettleLongest":       {change: settle(3600)},
		"SettleNegative":      {change: settle(-1), refused: "spec.minReadySeconds"},
		"SettleTooLong":       {change: settle(3601), refused: "spec.minReadySeconds"},
		"DefaultCapabilities": {change: capabilities(v1alpha1.CapabilitiesDefault)},
		"NoCapabilities":      {change: capabilities(v1alpha1.CapabilitiesNone)},
		"AllCapabilities":     {change: capabilities("All"), refused: "spec.security.capabilities"},
		"EmptySecurity":       {change: capabilities("")},
	})
}

// probeFields set each of the probes that an App can have.
var probeFields = map[string]func(*v1alpha1.AppSpec, *corev1.Probe){
	"readinessProbe": func(s *v1alpha1.AppSpec, p *corev1.Probe) { s.ReadinessProbe = p },
	"livenessProbe":  func(s *v1alpha1.AppSpec, p *corev1.Probe) { s.LivenessProbe = p },
	"startupProbe":   func(s *v1alpha1.AppSpec, p *corev1.Probe) { s.StartupProbe = p },
}

// The kubelet would ask any address that a probe names, from the node's network.
func TestAppProbeHosts(t *testing.T) {
	t.Parallel()
	http := func(host string) corev1.ProbeHandler {
		return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: "/", Port: intstr.FromInt32(80), Host: host, HTTPHeaders: []corev1.HTTPHeader{{Name: "Host", Value: "www.example.com"}},
		}}
	}
	tcp := func(host string) corev1.ProbeHandler {
		return corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http"), Host: host}}
	}
	cases := map[string]appCase{}
	for field, set := range probeFields {
		probe := func(handler corev1.ProbeHandler) func(*v1alpha1.App) {
			return func(a *v1alpha1.App) { set(&a.Spec, &corev1.Probe{ProbeHandler: handler}) }
		}
		cases[field+"HTTP"] = appCase{change: probe(http(""))}
		cases[field+"TCP"] = appCase{change: probe(tcp(""))}
		cases[field+"HTTPHost"] = appCase{change: probe(http("10.0.0.1")), refused: "spec." + field + ".httpGet.host"}
		cases[field+"TCPHost"] = appCase{change: probe(tcp("localhost")), refused: "spec." + field + ".tcpSocket.host"}
		cases[field+"Exec"] = appCase{change: probe(corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/check"}}})}
		cases[field+"GRPC"] = appCase{change: probe(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}})}
	}
	runApps(t, cases)
}

// A probe is stored with each App and each of its Pods, and the kubelet sends all of it each time.
func TestAppProbeBounds(t *testing.T) {
	t.Parallel()
	headers := func(n, name, value int) corev1.Probe {
		header := corev1.HTTPHeader{Name: repeat(name), Value: repeat(value)}
		get := &corev1.HTTPGetAction{Port: intstr.FromInt32(80), HTTPHeaders: slices.Repeat([]corev1.HTTPHeader{header}, n)}
		return corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get}}
	}
	path := func(n int) corev1.Probe {
		return corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80), Path: repeat(n)}}}
	}
	command := func(n, length int) corev1.Probe {
		return corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: slices.Repeat([]string{repeat(length)}, n)}}}
	}
	service := func(n int) corev1.Probe {
		return corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80, Service: new(repeat(n))}}}
	}
	numbers := func(set func(*corev1.Probe)) corev1.Probe {
		probe := corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}}
		set(&probe)
		return probe
	}
	bounds := map[string]struct {
		probe corev1.Probe
		// refused is the field of the probe.
		refused string
	}{
		"MostHeaders":        {probe: headers(32, 28, 100)},
		"TooManyHeaders":     {headers(33, 1, 1), ".httpGet.httpHeaders"},
		"LongestHeader":      {probe: headers(1, 1, 4095)},
		"HeaderNameTooLong":  {headers(1, 4096, 1), ".httpGet.httpHeaders"},
		"HeaderValueTooLong": {headers(1, 1, 4096), ".httpGet.httpHeaders"},
		"HeadersTooLong":     {headers(32, 28, 101), ".httpGet.httpHeaders"},
		"LongestPath":        {probe: path(2048)},
		"PathTooLong":        {path(2049), ".httpGet.path"},
		"MostCommand":        {probe: command(16, 1024)},
		"TooMuchCommand":     {command(17, 1), ".exec.command"},
		"CommandTooLong":     {command(1, 1025), ".exec.command"},
		"LongestService":     {probe: service(256)},
		"ServiceTooLong":     {service(257), ".grpc.service"},
		"Longest": {probe: numbers(func(p *corev1.Probe) {
			p.InitialDelaySeconds, p.PeriodSeconds, p.TimeoutSeconds, p.FailureThreshold, p.SuccessThreshold = 3600, 3600, 3600, 3600, 3600
			p.TerminationGracePeriodSeconds = new(int64(3600))
		})},
		"DelayTooLong":     {probe: numbers(func(p *corev1.Probe) { p.InitialDelaySeconds = 3601 })},
		"PeriodTooLong":    {probe: numbers(func(p *corev1.Probe) { p.PeriodSeconds = 3601 })},
		"TimeoutTooLong":   {probe: numbers(func(p *corev1.Probe) { p.TimeoutSeconds = 3601 })},
		"TooManyFailures":  {probe: numbers(func(p *corev1.Probe) { p.FailureThreshold = 3601 })},
		"TooManySuccesses": {probe: numbers(func(p *corev1.Probe) { p.SuccessThreshold = 3601 })},
		"GraceTooLong":     {probe: numbers(func(p *corev1.Probe) { p.TerminationGracePeriodSeconds = new(int64(3601)) })},
	}
	cases := map[string]appCase{}
	for name, tc := range bounds {
		for field, set := range probeFields {
			c := appCase{change: func(a *v1alpha1.App) { set(&a.Spec, &tc.probe) }}
			if tc.refused != "" || strings.Contains(name, "Too") {
				c.refused = "spec." + field + tc.refused
			}
			cases[name+"/"+field] = c
		}
	}
	runApps(t, cases)
}
