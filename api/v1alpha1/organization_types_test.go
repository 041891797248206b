package v1alpha1_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func TestOrganizationName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"acme": "", "a": "", "acme-eu2": "", "4acme": "", repeat(63): "", "kube": "", "defaults": "",
		repeat(64): "<nil>", "acme.eu": "<nil>", "Acme": "metadata.name", "-acme": "metadata.name", "acme-": "metadata.name",
		"default": "<nil>", "kube-system": "<nil>", "kube-": "metadata.name", "kube-acme": "<nil>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: name}}
			refused(t, api.Create(t.Context(), org, client.DryRunAll), want)
		})
	}
}

func TestOrganizationSpec(t *testing.T) {
	t.Parallel()
	type spec = v1alpha1.OrganizationSpec
	amounts := corev1.ResourceList{"pods": resource.MustParse("50"), "requests.memory": resource.MustParse("0.5Gi")}
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprintf("registry-%d.example.com", i)
	}
	egress := func(networks ...string) *v1alpha1.OrganizationEgress {
		return &v1alpha1.OrganizationEgress{DeniedNetworks: networks}
	}
	cases := map[string]struct {
		spec spec
		want string
	}{
		"Empty":  {},
		"Bounds": {spec: spec{Trusted: new(true), Quota: amounts, DefaultRequests: amounts, DefaultLimits: amounts}},
		"Policy": {spec: spec{
			PodSecurity: "restricted", HostVerification: "Required", UserNamespaces: "Enabled",
			AllowedIssuers: []v1alpha1.IssuerRef{{Name: "corporate"}, {Name: "own", Kind: "Issuer"}},
			Limits:         &v1alpha1.OrganizationLimits{NewCertificatesPerHour: new(int32(0)), HeldHosts: new(int32(10000)), SecretBytes: new(resource.MustParse("0"))},
		}},
		"Registries": {spec: spec{
			AllowedRegistries: []string{"registry.example.com", "registry.example.com:5000", "ghcr.io/acme/*", "*", "*.example.com/a_b/c.d", "localhost"},
			DeniedRegistries:  []string{"docker.io"},
		}},
		"Networks":          {spec: spec{Egress: egress("10.1.0.0/16", "2001:db8::/32", "192.0.2.7/32")}},
		"Privileged":        {spec: spec{PodSecurity: "privileged"}, want: "spec.podSecurity"},
		"OtherVerification": {spec: spec{HostVerification: "Maybe"}, want: "spec.hostVerification"},
		"OtherNamespaces":   {spec: spec{UserNamespaces: "Sometimes"}, want: "spec.userNamespaces"},
		"UnnamedIssuer":     {spec: spec{AllowedIssuers: []v1alpha1.IssuerRef{{Kind: "Issuer"}}}, want: "spec.allowedIssuers[0].name"},
		"RegistryScheme":    {spec: spec{AllowedRegistries: []string{"https://registry.example.com"}}, want: "spec.allowedRegistries[0]"},
		"RegistryUpperCase": {spec: spec{AllowedRegistries: []string{"Registry.example.com"}}, want: "spec.allowedRegistries[0]"},
		"RegistryTag":       {spec: spec{DeniedRegistries: []string{"docker.io/library/nginx:1"}}, want: "spec.deniedRegistries[0]"},
		"RegistryBrackets":  {spec: spec{AllowedRegistries: []string{"[a-z].example.com"}}, want: "spec.allowedRegistries[0]"},
		"RegistrySlash":     {spec: spec{AllowedRegistries: []string{"registry.example.com/"}}, want: "spec.allowedRegistries[0]"},
		"ManyRegistries":    {spec: spec{AllowedRegistries: many}, want: "spec.allowedRegistries"},
		"Address":           {spec: spec{Egress: egress("10.1.0.1")}, want: "spec.egress.deniedNetworks[0]"},
		"NoNetwork":         {spec: spec{Egress: egress("10.1.0.0/33")}, want: "spec.egress.deniedNetworks[0]"},
		"NegativeHour":      {spec: spec{Limits: &v1alpha1.OrganizationLimits{NewCertificatesPerHour: new(int32(-1))}}, want: "spec.limits.newCertificatesPerHour"},
		"NegativeSecrets": {
			spec: spec{Limits: &v1alpha1.OrganizationLimits{SecretBytes: new(resource.MustParse("-1"))}}, want: "spec.limits.secretBytes",
		},
		"NegativeRate": {
			spec: spec{Limits: &v1alpha1.OrganizationLimits{SecretBytesPerMinute: new(resource.MustParse("-1Mi"))}}, want: "spec.limits.secretBytesPerMinute",
		},
		"ManyHeldHosts": {spec: spec{Limits: &v1alpha1.OrganizationLimits{HeldHosts: new(int32(10001))}}, want: "spec.limits.heldHosts"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{Name: "acme"}, Spec: tc.spec}
			refused(t, api.Create(t.Context(), org, client.DryRunAll), tc.want)
		})
	}
}

// An Organization that nobody has reconciled says so to kstatus.
func TestOrganizationStatusDefault(t *testing.T) {
	t.Parallel()
	org := &v1alpha1.Organization{ObjectMeta: metav1.ObjectMeta{GenerateName: "status-"}}
	if err := api.Create(t.Context(), org, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if got := org.Status.ObservedGeneration; got != -1 {
		t.Errorf("observedGeneration is %d, want -1", got)
	}
}
