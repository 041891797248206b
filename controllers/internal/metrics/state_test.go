package metrics

import (
	"fmt"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
	"github.com/berth-dev/berth/internal/testing/testmetrics"
)

// list is a cache that a test has filled.
type list []any

func (l list) List() []any { return l }

var end = metav1.NewTime(time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC))

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func conditions(ready metav1.ConditionStatus, reason string, stalled metav1.ConditionStatus) []metav1.Condition {
	return []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: ready, Reason: reason},
		{Type: v1alpha1.ConditionStalled, Status: stalled, Reason: reason},
	}
}

func ownedBy(apiVersion, kind, name string) metav1.ObjectMeta {
	meta := named("a", "certificate-of-"+name)
	meta.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, Controller: new(true)}}
	return meta
}

func pullSecret(label, expires string) *corev1.Secret {
	meta := named("a", "web-pull")
	meta.Labels = map[string]string{v1alpha1.LabelSecret: label, v1alpha1.LabelApp: "web"}
	meta.Annotations = map[string]string{v1alpha1.AnnotationExpiresAt: expires}
	return &corev1.Secret{ObjectMeta: meta}
}

// forged is a Secret of somebody's own that has the labels of an App's.
func forged() *corev1.Secret {
	secret := pullSecret(v1alpha1.SecretPull, end.Format(time.RFC3339))
	secret.Name = "mine"
	return secret
}

func state(elected bool) *State {
	app := func(ns, name string, c []metav1.Condition) *v1alpha1.App {
		return &v1alpha1.App{ObjectMeta: named(ns, name), Status: v1alpha1.AppStatus{Conditions: c}}
	}
	issued := cmv1.CertificateStatus{NotAfter: &end}
	s := &State{
		Apps: list{
			app("a", "one", conditions(metav1.ConditionTrue, "Succeeded", metav1.ConditionFalse)),
			app("a", "two", conditions(metav1.ConditionTrue, "Succeeded", metav1.ConditionFalse)),
			app("a", "three", conditions(metav1.ConditionFalse, "ImageNotFound", metav1.ConditionTrue)),
			app("b", "four", conditions(metav1.ConditionFalse, "Progressing", metav1.ConditionFalse)),
			app("b", "five", nil),
		},
		Domains: list{
			&v1alpha1.Domain{ObjectMeta: named("a", "www.example.com"), Status: v1alpha1.DomainStatus{
				Conditions:  conditions(metav1.ConditionTrue, "Succeeded", metav1.ConditionFalse),
				Certificate: &v1alpha1.DomainCertificate{Type: v1alpha1.CertificateCustom, NotAfter: &end},
			}},
			&v1alpha1.Domain{ObjectMeta: named("a", "new.example.com")},
		},
		Certificates: list{
			&cmv1.Certificate{ObjectMeta: ownedBy("berth.dev/v1alpha1", "App", "one"), Status: issued},
			&cmv1.Certificate{ObjectMeta: ownedBy("berth.dev/v1alpha1", "App", "two")},
			&cmv1.Certificate{ObjectMeta: ownedBy("berth.dev/v1alpha1", "Domain", "www.example.com"), Status: issued},
			&cmv1.Certificate{ObjectMeta: ownedBy("example.com/v1", "App", "theirs"), Status: issued},
			&cmv1.Certificate{ObjectMeta: named("a", "nobodys"), Status: issued},
		},
		Secrets: list{
			pullSecret(v1alpha1.SecretPull, end.Format(time.RFC3339)),
			pullSecret(v1alpha1.SecretPull, ""),
			pullSecret(v1alpha1.SecretEnv, end.Format(time.RFC3339)),
			forged(),
		},
	}
	leads := make(chan struct{})
	s.Elected = leads
	if elected {
		close(leads)
	}
	return s
}

func TestState(t *testing.T) {
	t.Parallel()
	at := float64(end.Unix())
	cases := map[string]struct {
		elected bool
		want    map[string]float64
	}{
		"Standby": {want: map[string]float64{}},
		"Leader": {elected: true, want: map[string]float64{
			"berth_apps a ready Succeeded":                                                   2,
			"berth_apps a stalled ImageNotFound":                                             1,
			"berth_apps b reconciling Progressing":                                           1,
			"berth_apps b reconciling ":                                                      1,
			"berth_domains a ready Succeeded":                                                1,
			"berth_domains a reconciling ":                                                   1,
			"berth_certificate_expiration_timestamp_seconds App one a Default":               at,
			"berth_certificate_expiration_timestamp_seconds Domain www.example.com a Custom": at,
			"berth_pull_token_expiration_timestamp_seconds web a":                            at,
			"berth_certificates a":                                                           2,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(state(tc.elected))
			if diff := cmp.Diff(tc.want, flat(testmetrics.Of(t, registry))); diff != "" {
				t.Errorf("metrics: -want, +got:\n%s", diff)
			}
		})
	}
}

// However many Apps and Domains a tenant makes, it has few series, those that somebody has to act on.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	s := state(true)
	var domains, certificates, secrets list
	for i := range 100 {
		ends := metav1.NewTime(end.Add(-time.Duration(i) * time.Hour))
		name := fmt.Sprintf("made-%02d", i)
		domains = append(domains, &v1alpha1.Domain{ObjectMeta: named("b", name), Status: v1alpha1.DomainStatus{
			Certificate: &v1alpha1.DomainCertificate{Type: v1alpha1.CertificateDefault, NotAfter: &ends},
		}})
		issued := cmv1.CertificateStatus{NotAfter: &ends}
		certificates = append(certificates, &cmv1.Certificate{ObjectMeta: ownedBy("berth.dev/v1alpha1", "App", name), Status: issued})
		secret := pullSecret(v1alpha1.SecretPull, ends.Format(time.RFC3339))
		secret.Name, secret.Labels[v1alpha1.LabelApp] = names.PullSecret(name), name
		secrets = append(secrets, secret)
	}
	s.Apps, s.Domains, s.Certificates, s.Secrets = list{}, domains, certificates, secrets
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	got := flat(testmetrics.Of(t, registry))
	want := map[string]float64{"berth_certificates a": 100, "berth_certificates b": 100, "berth_domains b reconciling ": 100}
	for i := 80; i < 100; i++ { // What ends first.
		at := float64(end.Add(-time.Duration(i) * time.Hour).Unix())
		want[fmt.Sprintf("berth_certificate_expiration_timestamp_seconds App made-%02d a Default", i)] = at
		want[fmt.Sprintf("berth_certificate_expiration_timestamp_seconds Domain made-%02d b Default", i)] = at
		want[fmt.Sprintf("berth_pull_token_expiration_timestamp_seconds made-%02d a", i)] = at
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics: -want, +got:\n%s", diff)
	}
}

// flat are the values of gauges by their names and the values of their labels, in the order of the labels' names but for the organization.
func flat(families testmetrics.Families) map[string]float64 {
	all := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			values := map[string]string{}
			for _, l := range m.GetLabel() {
				values[l.GetName()] = l.GetValue()
			}
			key := name
			for _, label := range []string{"app", "kind", "name", "organization", "state", "reason", "type"} {
				if v, ok := values[label]; ok {
					key += " " + v
				}
			}
			all[key] = m.GetGauge().GetValue()
		}
	}
	return all
}

// BenchmarkState reads what a platform with 5,000 Apps and as many Domains has.
func BenchmarkState(b *testing.B) {
	var apps, domains, certificates, secrets list
	for i := range 5000 {
		ns, name := fmt.Sprint("org-", i%500), fmt.Sprint("app-", i)
		ready := conditions(metav1.ConditionTrue, "Succeeded", metav1.ConditionFalse)
		certificate := ownedBy("berth.dev/v1alpha1", "App", name)
		apps = append(apps, &v1alpha1.App{ObjectMeta: named(ns, name), Status: v1alpha1.AppStatus{Conditions: ready}})
		domains = append(domains, &v1alpha1.Domain{ObjectMeta: named(ns, name), Status: v1alpha1.DomainStatus{
			Conditions: ready, Certificate: &v1alpha1.DomainCertificate{Type: v1alpha1.CertificateDefault, NotAfter: &end},
		}})
		certificates = append(certificates, &cmv1.Certificate{ObjectMeta: certificate, Status: cmv1.CertificateStatus{NotAfter: &end}})
		secret := pullSecret(v1alpha1.SecretPull, end.Format(time.RFC3339))
		secret.Name, secret.Labels[v1alpha1.LabelApp] = names.PullSecret(name), name
		secrets = append(secrets, secret)
	}
	s := state(true)
	s.Apps, s.Domains, s.Certificates, s.Secrets = apps, domains, certificates, secrets
	registry := prometheus.NewRegistry()
	registry.MustRegister(s)
	for b.Loop() {
		if _, err := registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
