package resources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// What a container may do is the least of what the organization allows and the App asks for.
func TestSecurityContext(t *testing.T) {
	t.Parallel()
	none := &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_BIND_SERVICE"}},
	}
	restricted := none.DeepCopy()
	restricted.RunAsNonRoot = new(true)
	cases := map[string]struct {
		app    *v1alpha1.App
		tenant Tenant
		want   *corev1.SecurityContext
	}{
		"Unset":             {app: testApp()},
		"Empty":             {app: testApp(withCapabilities(""))},
		"Default":           {app: testApp(withCapabilities(v1alpha1.CapabilitiesDefault))},
		"None":              {app: testApp(withCapabilities(v1alpha1.CapabilitiesNone)), want: none},
		"UserNamespaces":    {app: testApp(), tenant: Tenant{UserNamespaces: true}},
		"Restricted":        {app: testApp(), tenant: Tenant{Restricted: true}, want: restricted},
		"RestrictedDefault": {app: testApp(withCapabilities(v1alpha1.CapabilitiesDefault)), tenant: Tenant{Restricted: true}, want: restricted},
		"RestrictedNone":    {app: testApp(withCapabilities(v1alpha1.CapabilitiesNone)), tenant: Tenant{Restricted: true}, want: restricted},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Deployment(tc.app, tc.tenant)
			if err != nil {
				t.Fatal(err)
			}
			pod, err := convert[corev1.PodSpec](d.Spec.Template.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, pod.Containers[0].SecurityContext); diff != "" {
				t.Errorf("security context (-want +got):\n%s", diff)
			}
			if got := pod.SecurityContext.SeccompProfile.Type; got != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("seccomp profile %s, want the runtime's default", got)
			}
		})
	}
}

// Which probes are the App's own decides which defaults there are.
func TestProbes(t *testing.T) {
	t.Parallel()
	own := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/own"}}}
	const byDefault, mine = "default", "own"
	cases := map[string]struct {
		change func(*v1alpha1.AppSpec)
		// want are the startup, the readiness and the liveness probe.
		want []string
	}{
		"None":      {func(*v1alpha1.AppSpec) {}, []string{byDefault, byDefault, ""}},
		"Startup":   {func(s *v1alpha1.AppSpec) { s.StartupProbe = own }, []string{mine, byDefault, ""}},
		"Readiness": {func(s *v1alpha1.AppSpec) { s.ReadinessProbe = own }, []string{"", mine, ""}},
		"Liveness":  {func(s *v1alpha1.AppSpec) { s.LivenessProbe = own }, []string{byDefault, byDefault, mine}},
		"ReadinessAndLiveness": {
			func(s *v1alpha1.AppSpec) { s.ReadinessProbe, s.LivenessProbe = own, own }, []string{"", mine, mine},
		},
		"All": {
			func(s *v1alpha1.AppSpec) { s.StartupProbe, s.ReadinessProbe, s.LivenessProbe = own, own, own }, []string{mine, mine, mine},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := testApp()
			tc.change(&app.Spec)
			c, err := container(app, Tenant{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := convert[corev1.Container](c)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, p := range []*corev1.Probe{got.StartupProbe, got.ReadinessProbe, got.LivenessProbe} {
				switch {
				case p == nil:
					kinds = append(kinds, "")
				case p.TCPSocket != nil:
					kinds = append(kinds, byDefault)
				default:
					kinds = append(kinds, mine)
				}
			}
			if diff := cmp.Diff(tc.want, kinds); diff != "" {
				t.Errorf("startup, readiness and liveness probe (-want +got):\n%s", diff)
			}
		})
	}
}

// An App that was stored before hosts of probes were refused has its own Pods asked.
func TestProbesAskTheAppsOwnPods(t *testing.T) {
	t.Parallel()
	get := &corev1.HTTPGetAction{Host: "169.254.169.254", Path: "/", HTTPHeaders: []corev1.HTTPHeader{{Name: "Host", Value: "www.example.com"}}}
	cases := map[string]struct {
		handler, want corev1.ProbeHandler
	}{
		"HTTP": {
			corev1.ProbeHandler{HTTPGet: get},
			corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", HTTPHeaders: get.HTTPHeaders}},
		},
		"TCP":  {corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "127.0.0.1"}}, corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{}}},
		"GRPC": {corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}, corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := &corev1.Probe{ProbeHandler: tc.handler}
			app := testApp(func(a *v1alpha1.App) {
				a.Spec.StartupProbe, a.Spec.ReadinessProbe, a.Spec.LivenessProbe = own, own, own
			})
			before := app.DeepCopy()
			c, err := container(app, Tenant{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := convert[corev1.Container](c)
			if err != nil {
				t.Fatal(err)
			}
			want := &corev1.Probe{ProbeHandler: tc.want}
			if diff := cmp.Diff([]*corev1.Probe{want, want, want}, []*corev1.Probe{got.StartupProbe, got.ReadinessProbe, got.LivenessProbe}); diff != "" {
				t.Errorf("startup, readiness and liveness probe (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, app); diff != "" {
				t.Errorf("the App itself was changed (-before +after):\n%s", diff)
			}
		})
	}
}
