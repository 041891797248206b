package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
)

func TestToDomain(t *testing.T) {
	issued, issuedKey := issue(t, "www.example.com")
	custom, customKey := issue(t, "www.example.com")
	damaged, bundle := tlsSecret(t, v1alpha1.SecretCertificate, custom, customKey), tlsSecret(t, v1alpha1.SecretCertificate, custom, customKey)
	damaged.Data[corev1.TLSCertKey] = damaged.Data[corev1.TLSCertKey][:99]
	bundle.Data[corev1.TLSCertKey] = append(bundle.Data[corev1.TLSPrivateKeyKey], bundle.Data[corev1.TLSCertKey]...)
	secrets := map[string]*corev1.Secret{
		"shop-tls-1a2b3c4d":       tlsSecret(t, v1alpha1.SecretTLS, issued, issuedKey),
		"web.domain-tls-5e6f7a8b": tlsSecret(t, v1alpha1.SecretTLS, issued, issuedKey),
		"mine":                    tlsSecret(t, v1alpha1.SecretCertificate, custom, customKey),
		"damaged":                 damaged,
		"bundle":                  bundle,
		"unlabeled":               tlsSecret(t, v1alpha1.SecretEnv, custom, customKey),
	}
	ref := func(name string) *v1alpha1.DomainTLS {
		return &v1alpha1.DomainTLS{SecretRef: &v1alpha1.SecretRef{Name: name}}
	}
	view := func(change func(*wire.Domain)) wire.Domain {
		v := wire.Domain{
			Slug: "shop", Domain: "www.example.com", URL: "https://www.example.com", CertType: "default", FromEmail: "hello@example.com", EmailPort: 587,
			Billing: "production", State: "pending",
		}
		change(&v)
		return v
	}
	cases := map[string]struct {
		reason string
		domain *v1alpha1.DomainSpec
		want   wire.Domain
	}{
		"NoDomain": {want: view(func(v *wire.Domain) {
			v.Domain, v.URL, v.SSLCertificate = "shop.apps.example.com", "https://shop.apps.example.com", string(issued.PEM())
		})},
		"Issued": {
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", Authentication: v1alpha1.AuthenticationLoginOnly},
			want:   view(func(v *wire.Domain) { v.SSLCertificate, v.Authentication = string(issued.PEM()), 1 }),
		},
		"DefaultHost": {
			reason: "The App serves it, with its own certificate.",
			domain: &v1alpha1.DomainSpec{Host: "shop.apps.example.com", Authentication: v1alpha1.AuthenticationDisabled},
			want: view(func(v *wire.Domain) {
				v.Domain, v.URL, v.SSLCertificate = "shop.apps.example.com", "https://shop.apps.example.com", string(issued.PEM())
				v.Authentication = 2
			}),
		},
		"Custom": {
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: ref("mine")},
			want:   view(func(v *wire.Domain) { v.CertType, v.SSLCertificate = "custom", string(custom.PEM()) }),
		},
		"OwnIssuer": {
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: &v1alpha1.DomainTLS{IssuerRef: &v1alpha1.IssuerRef{Name: "a"}}},
			want:   view(func(v *wire.Domain) { v.SSLCertificate = string(issued.PEM()) }),
		},
		"Damaged": {
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: ref("damaged")}, want: view(func(v *wire.Domain) { v.CertType = "custom" }),
		},
		"Bundle": {
			reason: "A key that somebody has put beside the chain doesn't get out.",
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: ref("bundle")},
			want:   view(func(v *wire.Domain) { v.CertType, v.SSLCertificate = "custom", string(custom.PEM()) }),
		},
		"Unlabeled": {
			reason: "A Secret is for what its label says.",
			domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: ref("unlabeled")}, want: view(func(v *wire.Domain) { v.CertType = "custom" }),
		},
		"Missing": {domain: &v1alpha1.DomainSpec{Host: "www.example.com", TLS: ref("no")}, want: view(func(v *wire.Domain) { v.CertType = "custom" })},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := Observed{App: app("shop", v1alpha1.AppSpec{}), Secrets: map[string]*corev1.Secret{}}
			observed.App.UID = "1a2b3c4d-0000-4000-8000-000000000000"
			if tc.domain != nil {
				observed.Domain = domain("web", 0, *tc.domain)
				observed.Domain.UID = "5e6f7a8b-0000-4000-8000-000000000000"
			}
			for _, name := range SecretNames(platform, observed) {
				observed.Secrets[name] = secrets[name]
			}
			if diff := cmp.Diff(tc.want, ToDomain(platform, observed)); diff != "" {
				t.Errorf("\n%s\nToDomain(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestState(t *testing.T) {
	const ready, stalled, certified, routed = v1alpha1.ConditionReady, v1alpha1.ConditionStalled, v1alpha1.ConditionCertificateReady, v1alpha1.ConditionRouteReady
	condition := func(conditionType string, status metav1.ConditionStatus, generation int64, reason string) metav1.Condition {
		return metav1.Condition{Type: conditionType, Status: status, ObservedGeneration: generation, Reason: reason}
	}
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	cases := map[string]struct {
		reason      string
		domain, app []metav1.Condition
		want        string
	}{
		"Unseen":  {want: "pending"},
		"Ready":   {domain: []metav1.Condition{condition(ready, yes, 2, "a")}, want: "ready"},
		"Changed": {reason: "What was seen is of an earlier spec.", domain: []metav1.Condition{condition(ready, yes, 1, "a")}, want: "pending"},
		"Stalled": {domain: []metav1.Condition{condition(ready, no, 2, "a"), condition(stalled, yes, 2, "a")}, want: "failed"},
		"WasStalled": {
			domain: []metav1.Condition{condition(ready, no, 1, "a"), condition(stalled, yes, 1, "a")},
			want:   "pending",
		},
		"DefaultHost": {
			reason: "Pods don't matter, nor does a new spec.",
			app:    []metav1.Condition{condition(ready, no, 2, "CrashLoopBackOff"), condition(certified, yes, 1, "a"), condition(routed, yes, 1, "a")},
			want:   "ready",
		},
		"DefaultHostHalf": {app: []metav1.Condition{condition(certified, yes, 2, "a"), condition(routed, no, 2, "Progressing")}, want: "pending"},
		"DefaultHostNotYet": {
			app:  []metav1.Condition{condition(certified, yes, 2, "a")},
			want: "pending",
		},
		"DefaultHostTaken": {
			app: []metav1.Condition{
				condition(certified, metav1.ConditionUnknown, 2, "Pending"), condition(routed, no, 2, "HostConflict"), condition(stalled, yes, 2, "HostConflict"),
			},
			want: "failed",
		},
		"DefaultHostStalledElse": {
			reason: "What stalls the App has nothing to do with its host.",
			app:    []metav1.Condition{condition(certified, no, 2, "Progressing"), condition(routed, yes, 2, "a"), condition(stalled, yes, 2, "CrashLoopBackOff")},
			want:   "pending",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			observed := Observed{App: app("shop", v1alpha1.AppSpec{})}
			observed.App.Generation, observed.App.Status.Conditions = 2, tc.app
			if tc.domain != nil {
				observed.Domain = domain("shop", 0, v1alpha1.DomainSpec{})
				observed.Domain.Generation, observed.Domain.Status.Conditions = 2, tc.domain
			}
			if got := ToDomain(platform, observed).State; got != tc.want {
				t.Errorf("\n%s\nstate: got %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}
