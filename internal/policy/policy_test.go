package policy

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func stranger(spec v1alpha1.OrganizationSpec) v1alpha1.Organization {
	return v1alpha1.Organization{Spec: spec}
}

func trusted(spec v1alpha1.OrganizationSpec) v1alpha1.Organization {
	spec.Trusted = new(true)
	return stranger(spec)
}

func texts(list corev1.ResourceList) map[string]string {
	all := map[string]string{}
	for name, amount := range list {
		all[string(name)] = amount.String()
	}
	return all
}

func TestBounds(t *testing.T) {
	t.Parallel()
	type want struct{ Quota, Requests, Limits map[string]string }
	none := map[string]string{}
	quota := texts(defaultQuota)
	requests := map[string]string{"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "100Mi"}
	limits := map[string]string{"memory": "512Mi", "ephemeral-storage": "1Gi"}
	with := func(m map[string]string, name, amount string) map[string]string {
		all := map[string]string{name: amount}
		for k, v := range m {
			if k != name {
				all[k] = v
			}
		}
		return all
	}
	spec := func(quota, requests, limits map[corev1.ResourceName]string) v1alpha1.OrganizationSpec {
		return v1alpha1.OrganizationSpec{Quota: amounts(quota), DefaultRequests: amounts(requests), DefaultLimits: amounts(limits)}
	}
	cases := map[string]struct {
		org  v1alpha1.Organization
		want want
	}{
		"Stranger": {stranger(v1alpha1.OrganizationSpec{}), want{quota, requests, limits}},
		"Trusted":  {trusted(v1alpha1.OrganizationSpec{}), want{none, none, none}},
		"StrangerOverrides": {
			stranger(spec(map[corev1.ResourceName]string{"pods": "5"}, map[corev1.ResourceName]string{"cpu": "1"}, map[corev1.ResourceName]string{"cpu": "2"})),
			want{with(quota, "pods", "5"), with(requests, "cpu", "1"), with(limits, "cpu", "2")},
		},
		"TrustedNames": {
			trusted(spec(map[corev1.ResourceName]string{"pods": "5"}, map[corev1.ResourceName]string{"cpu": "1"}, nil)),
			want{map[string]string{"pods": "5"}, map[string]string{"cpu": "1"}, none},
		},
		"LimitBelowDefaultRequest": {
			stranger(spec(nil, nil, map[corev1.ResourceName]string{"memory": "64Mi"})),
			want{quota, with(requests, "memory", "64Mi"), with(limits, "memory", "64Mi")},
		},
		"RequestAboveDefaultLimit": {
			stranger(spec(nil, map[corev1.ResourceName]string{"memory": "1Gi"}, nil)),
			want{quota, with(requests, "memory", "1Gi"), with(limits, "memory", "1Gi")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := want{texts(Quota(tc.org)), texts(Requests(tc.org)), texts(Limits(tc.org))}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("bounds (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifiesHosts(t *testing.T) {
	t.Parallel()
	verification := func(v v1alpha1.HostVerification) v1alpha1.OrganizationSpec {
		return v1alpha1.OrganizationSpec{HostVerification: v}
	}
	cases := map[string]struct {
		org                v1alpha1.Organization
		byDefault, without bool
	}{
		"Stranger":        {org: stranger(verification("")), byDefault: true},
		"StrangerMay":     {org: stranger(verification(v1alpha1.HostVerificationDisabled))},
		"StrangerMust":    {org: stranger(verification(v1alpha1.HostVerificationRequired)), byDefault: true, without: true},
		"Trusted":         {org: trusted(verification(""))},
		"TrustedMustToo":  {org: trusted(verification(v1alpha1.HostVerificationRequired)), byDefault: true, without: true},
		"TrustedDisabled": {org: trusted(verification(v1alpha1.HostVerificationDisabled))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := VerifiesHosts(tc.org, true); got != tc.byDefault {
				t.Errorf("with --verify-domains: %t, want %t", got, tc.byDefault)
			}
			if got := VerifiesHosts(tc.org, false); got != tc.without {
				t.Errorf("without --verify-domains: %t, want %t", got, tc.without)
			}
		})
	}
}

func TestAllowsIssuer(t *testing.T) {
	t.Parallel()
	platform := v1alpha1.IssuerRef{Name: "letsencrypt"}
	org := trusted(v1alpha1.OrganizationSpec{AllowedIssuers: []v1alpha1.IssuerRef{
		{Name: "corporate", Kind: "ClusterIssuer", Group: "cert-manager.io"}, {Name: "own", Kind: "Issuer"},
	}})
	cases := map[string]struct {
		ref  v1alpha1.IssuerRef
		want bool
	}{
		"Platform":        {v1alpha1.IssuerRef{Name: "letsencrypt", Kind: "ClusterIssuer", Group: "cert-manager.io"}, true},
		"SameNameInSpace": {v1alpha1.IssuerRef{Name: "letsencrypt", Kind: "Issuer"}, false},
		"Allowed":         {v1alpha1.IssuerRef{Name: "corporate"}, true},
		"AllowedIssuer":   {v1alpha1.IssuerRef{Name: "own", Kind: "Issuer", Group: "cert-manager.io"}, true},
		"OtherKind":       {v1alpha1.IssuerRef{Name: "own"}, false},
		"OtherGroup":      {v1alpha1.IssuerRef{Name: "corporate", Group: "example.com"}, false},
		"Other":           {v1alpha1.IssuerRef{Name: "vault"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := AllowsIssuer(org, tc.ref, platform); got != tc.want {
				t.Errorf("AllowsIssuer(%+v) is %t, want %t", tc.ref, got, tc.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := v1alpha1.OrganizationSpec{Limits: &v1alpha1.OrganizationLimits{NewCertificatesPerHour: new(int32(0)), HeldHosts: new(int32(3))}}
	cases := map[string]struct {
		org  v1alpha1.Organization
		want [3]int
	}{
		"Stranger":      {stranger(v1alpha1.OrganizationSpec{}), [3]int{10, 50, 100}},
		"Trusted":       {trusted(v1alpha1.OrganizationSpec{}), [3]int{Unlimited, Unlimited, 100}},
		"StrangerNamed": {stranger(limits), [3]int{0, 50, 3}},
		"TrustedNamed":  {trusted(limits), [3]int{0, Unlimited, 3}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hour, day := CertificateLimits(tc.org)
			if diff := cmp.Diff(tc.want, [3]int{hour, day, HeldHosts(tc.org)}); diff != "" {
				t.Errorf("certificates an hour, a day, held hosts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestricted(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		labels map[string]string
		spec   v1alpha1.PodSecurityLevel
		want   bool
	}{
		"Default":           {},
		"SpecBaseline":      {spec: v1alpha1.PodSecurityBaseline},
		"SpecRestricted":    {spec: v1alpha1.PodSecurityRestricted, want: true},
		"LabelBaseline":     {labels: map[string]string{LabelPodSecurity: "baseline"}, spec: v1alpha1.PodSecurityRestricted},
		"LabelPrivileged":   {labels: map[string]string{LabelPodSecurity: "privileged"}, spec: v1alpha1.PodSecurityRestricted},
		"LabelRestricted":   {labels: map[string]string{LabelPodSecurity: "restricted"}, want: true},
		"LabelUnknown":      {labels: map[string]string{LabelPodSecurity: "hardened"}, want: true},
		"WarningDoesNotSay": {labels: map[string]string{"pod-security.kubernetes.io/warn": "restricted"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: tc.labels}}
			if got := Restricted(stranger(v1alpha1.OrganizationSpec{PodSecurity: tc.spec}), ns); got != tc.want {
				t.Errorf("Restricted is %t, want %t", got, tc.want)
			}
		})
	}
}

func TestLimitsOfTheRESTAPI(t *testing.T) {
	t.Parallel()
	amount := func(text string) *resource.Quantity { return new(resource.MustParse(text)) }
	named := v1alpha1.OrganizationSpec{Limits: &v1alpha1.OrganizationLimits{
		SecretBytes: amount("1Mi"), SecretBytesPerMinute: amount("2Mi"), RequestsPerSecond: new(int32(7)), LogFollowers: new(int32(0)),
	}}
	little := v1alpha1.OrganizationSpec{Limits: &v1alpha1.OrganizationLimits{SecretBytesPerMinute: amount("1")}}
	cases := map[string]struct {
		org  v1alpha1.Organization
		want [4]int64
	}{
		"Stranger":      {stranger(v1alpha1.OrganizationSpec{}), [4]int64{64 << 20, 10 << 20, 200, 100}},
		"Trusted":       {trusted(v1alpha1.OrganizationSpec{}), [4]int64{math.MaxInt64, math.MaxInt64, Unlimited, Unlimited}},
		"StrangerNamed": {stranger(named), [4]int64{1 << 20, 2 << 20, 7, 0}},
		"TrustedNamed":  {trusted(named), [4]int64{1 << 20, 2 << 20, 7, 0}},
		"LeastRate":     {stranger(little), [4]int64{64 << 20, MaxEnvironment, 200, 100}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			most, perMinute := SecretBytes(tc.org)
			got := [4]int64{most, perMinute, int64(RequestsPerSecond(tc.org)), int64(LogFollowers(tc.org))}
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
