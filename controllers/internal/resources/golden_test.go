package resources

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/berth-dev/berth/api/v1alpha1"
)

var update = flag.Bool("update", false, "write testdata/*.yaml instead of comparing with them")

var platform = Platform{
	BaseDomain:         "apps.example.com",
	Issuer:             Issuer{Name: "letsencrypt", Kind: "ClusterIssuer", Group: "cert-manager.io"},
	IngressClass:       "traefik",
	IngressAnnotations: map[string]string{"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"},
}

// golden compares an object with testdata/NAME.yaml.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	raw, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(raw)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// testApp returns an App as the API server has it when its user gave nothing but an image.
func testApp(changes ...func(*v1alpha1.App)) *v1alpha1.App {
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: types.UID("11111111-1111-1111-1111-111111111111")},
		Spec: v1alpha1.AppSpec{
			Image: "registry.example.com/shop/web:v1", Dataset: v1alpha1.DatasetProduction, Replicas: ptr.To[int32](1), Port: 80,
		},
	}
	for _, change := range changes {
		change(app)
	}
	return app
}

func testDomain(name, host string) *v1alpha1.Domain {
	return &v1alpha1.Domain{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("22222222-2222-2222-2222-222222222222")},
		Spec:       v1alpha1.DomainSpec{Host: host, AppRef: v1alpha1.AppRef{Name: "web"}},
	}
}

func withEnv(env ...v1alpha1.EnvVar) func(*v1alpha1.App) {
	return func(app *v1alpha1.App) { app.Spec.Env = env }
}

func withCapabilities(c v1alpha1.Capabilities) func(*v1alpha1.App) {
	return func(app *v1alpha1.App) { app.Spec.Security = &v1alpha1.AppSecurity{Capabilities: c} }
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	fromSecret := func(key string, optional *bool) *v1alpha1.EnvVarSource {
		return &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: "web-env-1a2b3c", Key: key, Optional: optional}}
	}
	fromConfigMap := &v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "settings", Key: "level"}}
	cases := map[string]struct {
		app    *v1alpha1.App
		tenant Tenant
	}{
		"minimal": {app: testApp()},
		"digest": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.Image = "registry.example.com:5000/shop/web:v1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		})},
		"user-namespaces": {app: testApp(), tenant: Tenant{UserNamespaces: true}},

		"port":       {app: testApp(func(a *v1alpha1.App) { a.Spec.Port = 8080 })},
		"no-pods":    {app: testApp(func(a *v1alpha1.App) { a.Spec.Replicas = ptr.To[int32](0) })},
		"autoscaled": {app: testApp(func(a *v1alpha1.App) { a.Spec.Replicas = ptr.To[int32](7) })},
		"restarted": {app: testApp(func(a *v1alpha1.App) {
			a.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "2026-03-01T12:00:00Z", "example.com/other": "stays out"}
		})},
		"env-literal": {app: testApp(withEnv(
			v1alpha1.EnvVar{Name: "GREETING", Value: new("costs 5$ or $(PRICE) or $$(PRICE)")},
			v1alpha1.EnvVar{Name: "EMPTY", Value: new("")},
			v1alpha1.EnvVar{Name: "UNSET"},
		))},
		"env-from": {app: testApp(withEnv(
			v1alpha1.EnvVar{Name: "PASSWORD", ValueFrom: fromSecret("PASSWORD", nil)},
			v1alpha1.EnvVar{Name: "TOKEN", ValueFrom: fromSecret("TOKEN", new(true))},
			v1alpha1.EnvVar{Name: "LEVEL", ValueFrom: fromConfigMap},
		))},
		"env-port": {app: testApp(withEnv(
			v1alpha1.EnvVar{Name: "FIRST", Value: new("1")},
			v1alpha1.EnvVar{Name: "PORT", Value: new("9000")},
		))},
		"resources": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.Resources = &corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
			}
		})},
		"probe": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.ReadinessProbe = &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http")},
				},
				PeriodSeconds: 5,
			}
		})},
		"probes": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/started"}}}, FailureThreshold: 60}
			a.Spec.LivenessProbe = &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8081)}}, InitialDelaySeconds: 5,
			}
		})},
		"liveness": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}}}
		})},
		"command": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.Command, a.Spec.Args = []string{"/bin/sh", "-c"}, []string{`exec web --name="$(NAME)"`, ""}
		})},
		"min-ready":       {app: testApp(func(a *v1alpha1.App) { a.Spec.MinReadySeconds = new(int32(3600)) })},
		"min-ready-none":  {app: testApp(func(a *v1alpha1.App) { a.Spec.MinReadySeconds = new(int32(0)) })},
		"no-capabilities": {app: testApp(withCapabilities(v1alpha1.CapabilitiesNone))},
		"restricted":      {app: testApp(), tenant: Tenant{Restricted: true}},
		"pull-secrets": {app: testApp(func(a *v1alpha1.App) {
			a.Spec.ImagePullSecrets = []v1alpha1.ImagePullSecret{{Name: "first"}, {Name: "second"}}
		})},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Deployment(tc.app, tc.tenant)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "deployment-"+name, got)
		})
	}
}

func TestOthers(t *testing.T) {
	t.Parallel()
	app := testApp()
	domain := testDomain("www", "www.example.com")
	bare := Platform{BaseDomain: "apps.example.com", Issuer: platform.Issuer}
	site, www := AppSite(app, platform).WithBackend(app), DomainSite(domain, platform).WithBackend(app)
	ref := v1alpha1.IssuerRef{Name: "internal", Kind: "Issuer", Group: "cert-manager.io"}
	internal := www.WithTLS(&v1alpha1.DomainTLS{IssuerRef: &ref})
	custom := www.WithTLS(&v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: "bought"}})
	claim := &v1alpha1.HostClaim{ObjectMeta: metav1.ObjectMeta{Name: "www.example.com", UID: "4d3c2b1a-0000-4000-8000-000000000000"}}
	issued := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "former", Annotations: map[string]string{
			cmv1.CertificateNameKey: "former.domain", cmv1.IssuerNameAnnotationKey: "local-ca", cmv1.IssuerKindAnnotationKey: "ClusterIssuer",
			cmv1.IssuerGroupAnnotationKey: "cert-manager.io", "example.com/other": "stays out",
		}},
		Data: map[string][]byte{"tls.crt": []byte("chain"), "tls.key": []byte("key"), "ca.crt": []byte("ca"), "other": []byte("stays out")},
	}
	cases := map[string]any{
		"service":                   Service(app),
		"certificate":               Certificate(site),
		"certificate-domain":        Certificate(www),
		"certificate-issuer":        Certificate(internal),
		"ingress":                   Ingress(site, site.TLSSecret, platform),
		"ingress-domain":            Ingress(www, www.TLSSecret, platform),
		"ingress-custom":            Ingress(custom, custom.CustomSecret, platform),
		"ingress-wildcard":          Ingress(site, "", platform),
		"ingress-bare":              Ingress(AppSite(app, bare).WithBackend(app), site.TLSSecret, bare),
		"ingress-former":            Ingress(custom.Former(), custom.Former().CustomSecret, platform),
		"certificate-secret":        CertificateSecret(www, nil),
		"certificate-secret-kept":   CertificateSecret(www, claim),
		"issued-secret":             IssuedSecret(www, claim, issued),
		"kept-secret":               KeptSecret(claim, issued),
		"custom-certificate":        CustomCertificate(site, []byte("chain"), []byte("key")),
		"custom-certificate-domain": CustomCertificate(custom, []byte("chain"), []byte("key")),
		"env-secret":                EnvSecret(app, "web-env-1a2b3c"),
		"domain-secret":             DomainSecret(domain, "web-certificate-1a2b3c"),
	}
	for name, got := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, got)
		})
	}
}
