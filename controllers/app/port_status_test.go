package app

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/resources"
	"github.com/berth-dev/berth/controllers/internal/testobjects"
)

func TestExplainPort(t *testing.T) {
	t.Parallel()
	const refuses = "The container runs, but does not accept connections on "
	const set = ". Set spec.port or PORT to the port that the program listens on, and have it listen on all addresses."
	cases := map[string]struct {
		port   resources.Port
		change func(*v1alpha1.App)
		want   string
	}{
		"Spec":    {port: resources.Port{Number: 8080, Source: resources.PortFromSpec}, want: refuses + "port 8080 (spec.port)" + set},
		"Env":     {port: resources.Port{Number: 3000, Source: resources.PortFromEnv}, want: refuses + "port 3000 (PORT in env)" + set},
		"Default": {port: resources.Port{Number: 80, Source: resources.PortFromDefault}, want: refuses + "port 80 (the default)" + set},
		"Other": {
			port: resources.Port{Number: 8080, Source: resources.PortFromSpec}, change: testobjects.WithPort("9000"),
			want: refuses + "port 8080 (spec.port; PORT in env is 9000)" + set,
		},
		"Probe": {
			port: resources.Port{Number: 80, Source: resources.PortFromDefault}, change: func(a *v1alpha1.App) { a.Spec.ReadinessProbe = &corev1.Probe{} },
			want: "The container runs, but its readiness probe fails. The App is served at port 80 (the default). Correct spec.readinessProbe, or set " +
				"spec.port or PORT to the port that the program listens on.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &v1alpha1.App{}
			if tc.change != nil {
				tc.change(app)
			}
			now := time.Now()
			found, _ := diagnose(app, []corev1.Pod{{Status: testobjects.PodRunningFor(startGrace, now)}}, now)
			(&Scope{App: app, Port: tc.port}).explainPort(found)
			if found.message != tc.want {
				t.Errorf("message %q, want %q", found.message, tc.want)
			}
		})
	}
}
