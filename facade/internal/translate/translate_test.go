package translate

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/host"
)

var (
	platform = Platform{Hosts: host.Rules{BaseDomain: "apps.example.com"}, Mail: Mail{From: "hello@example.com"}}
	fresh    = Fresh{Now: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Suffix: "0123456789"}
)

func TestToWire(t *testing.T) {
	ref := func(name string) *v1alpha1.EnvVarSource {
		return &v1alpha1.EnvVarSource{SecretKeyRef: &v1alpha1.KeyRef{Name: name, Key: "k"}}
	}
	cases := map[string]struct {
		reason   string
		observed Observed
		want     wire.App
	}{
		"Plain": {
			observed: Observed{App: app("shop", v1alpha1.AppSpec{Image: "example.com/a", Dataset: v1alpha1.DatasetTesting})},
			want: wire.App{
				Slug:      "shop",
				Dataset:   "testing",
				Location:  "example.com/a",
				Env:       []wire.EnvVar{},
				Domain:    "shop.apps.example.com",
				FromEmail: "hello@example.com",
			},
		},
		"All": {
			observed: Observed{
				App: &v1alpha1.App{
					ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{v1alpha1.AnnotationLocationPrefix: "HTTPS://"}},
					Spec: v1alpha1.AppSpec{
						Image: "example.com/a", Registry: &v1alpha1.RegistryAccess{RoleARN: "arn"},
						Env: []v1alpha1.EnvVar{
							{Name: "SECRET", ValueFrom: ref("known")},
							{Name: "LITERAL", Value: new("l")},
							{Name: "EMPTY"},
							{Name: "ELSEWHERE", ValueFrom: ref("unknown")},
							{Name: "MAP", ValueFrom: &v1alpha1.EnvVarSource{ConfigMapKeyRef: &v1alpha1.KeyRef{Name: "known", Key: "k"}}},
						},
					},
				},
				Domain:     domain("shop", 0, v1alpha1.DomainSpec{Host: "www.example.com", Mail: &v1alpha1.DomainMail{From: "a@b"}}),
				Secrets:    map[string]*corev1.Secret{"known": secret(v1alpha1.SecretEnv, map[string]string{"k": "s"})},
				ExternalID: "id",
			},
			want: wire.App{
				Slug: "shop", Dataset: "production", Location: "HTTPS://example.com/a", RoleName: "arn", ExternalID: "id", Domain: "www.example.com", FromEmail: "a@b",
				Env: []wire.EnvVar{{Name: "SECRET", Value: "s"}, {Name: "LITERAL", Value: "l"}, {Name: "EMPTY"}, {Name: "ELSEWHERE"}, {Name: "MAP"}},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			named := AppSecretNames(tc.observed)
			maps.DeleteFunc(tc.observed.Secrets, func(name string, _ *corev1.Secret) bool { return !slices.Contains(named, name) })
			if diff := cmp.Diff(tc.want, ToWire(platform, tc.observed)); diff != "" {
				t.Errorf("\n%s\nToWire(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// secret is one that is there for a purpose, of the App shop.
func secret(purpose string, data map[string]string) *corev1.Secret {
	secret := newSecret(app("shop", v1alpha1.AppSpec{}), "", purpose, corev1.SecretTypeOpaque, map[string][]byte{})
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	return secret
}

func app(name string, spec v1alpha1.AppSpec) *v1alpha1.App {
	return &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "cowork", Name: name}, Spec: spec}
}

func domain(name string, age time.Duration, spec v1alpha1.DomainSpec) *v1alpha1.Domain {
	return &v1alpha1.Domain{ObjectMeta: metav1.ObjectMeta{Namespace: "cowork", Name: name, CreationTimestamp: metav1.NewTime(fresh.Now.Add(-age))}, Spec: spec}
}

func TestPrimary(t *testing.T) {
	named := domain("shop", time.Hour, v1alpha1.DomainSpec{})
	old := domain("b", 2*time.Hour, v1alpha1.DomainSpec{})
	older, twin := domain("a", 3*time.Hour, v1alpha1.DomainSpec{}), domain("aa", 3*time.Hour, v1alpha1.DomainSpec{})
	cases := map[string]struct {
		reason  string
		domains []*v1alpha1.Domain
		want    *v1alpha1.Domain
	}{
		"None":     {},
		"Named":    {reason: "The one that the REST API made is named like the App.", domains: []*v1alpha1.Domain{older, named, old}, want: named},
		"Oldest":   {domains: []*v1alpha1.Domain{old, older}, want: older},
		"SameTime": {reason: "Times are in seconds, so names decide.", domains: []*v1alpha1.Domain{twin, older}, want: older},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Primary("shop", tc.domains)); diff != "" {
				t.Errorf("\n%s\nPrimary(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// applied is what a cluster that held nothing holds after a plan.
func applied(t *testing.T, plan Plan) Observed {
	t.Helper()
	observed := Observed{App: &v1alpha1.App{}, Secrets: map[string]*corev1.Secret{}}
	convert := func(from, to any) {
		encoded, err := json.Marshal(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encoded, to); err != nil {
			t.Fatal(err)
		}
	}
	convert(plan.App, observed.App)
	if plan.Domain != nil {
		observed.Domain = &v1alpha1.Domain{}
		convert(plan.Domain, observed.Domain)
	}
	for _, secret := range plan.Secrets {
		observed.Secrets[secret.Name] = secret
	}
	return observed
}
