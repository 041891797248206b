package metrics

import (
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/names"
)

// The label is called organization and not namespace, which Prometheus gives to what it scrapes.
var (
	apps = prometheus.NewDesc("berth_apps",
		"Apps by organization, state (ready, reconciling or stalled) and the reason of their Ready condition.",
		[]string{"organization", "state", "reason"}, nil)
	domains = prometheus.NewDesc("berth_domains",
		"Domains by organization, state (ready, reconciling or stalled) and the reason of their Ready condition.",
		[]string{"organization", "state", "reason"}, nil)
	certificates = prometheus.NewDesc("berth_certificate_expiration_timestamp_seconds",
		"When the certificate ends that an App's default host, or a Domain, serves, in seconds since 1970. Of each organization those that end first.",
		[]string{"organization", "kind", "name", "type"}, nil)
	certificateCount = prometheus.NewDesc("berth_certificates",
		"Certificates that default hosts of Apps and Domains serve, by organization.",
		[]string{"organization"}, nil)
	pullTokens = prometheus.NewDesc("berth_pull_token_expiration_timestamp_seconds",
		"When the token ends that an App's image is pulled with from Amazon ECR, in seconds since 1970. Of each organization those that end first.",
		[]string{"organization", "app"}, nil)
)

// Lister lists what a cache has, as it is in there: nothing of it may be changed.
type Lister interface {
	List() []any
}

// State shows how Apps and Domains are doing, and when their certificates and tokens end. It reads that from the caches whenever Prometheus
// asks: what is gone isn't shown any more, and nothing has to be kept up to date.
type State struct {
	// Apps, Domains, Certificates and Secrets are what the caches have.
	Apps, Domains, Certificates, Secrets Lister
	// Elected is closed once this replica is the one that works. The others know the same, and would have it counted twice.
	Elected <-chan struct{}
}

// Describe tells of which metrics there may be some.
func (*State) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{apps, domains, certificates, certificateCount, pullTokens} {
		descriptions <- d
	}
}

// Collect reads the metrics.
func (s *State) Collect(found chan<- prometheus.Metric) {
	select {
	case <-s.Elected:
	default:
		return
	}
	s.collectApps(found)
	certified := ends{}
	s.collectDomains(found, certified)
	s.addCertificates(certified)
	certified.collect(found, certificates)
	for organization, all := range certified {
		found <- prometheus.MustNewConstMetric(certificateCount, prometheus.GaugeValue, float64(len(all)), organization)
	}
	s.collectTokens(found)
}

// group is what objects are counted under.
type group struct{ organization, state, reason string }

type counts map[group]int

// add counts an object by its conditions.
func (c counts) add(o metav1.Object, conditions []metav1.Condition) {
	g := group{organization: o.GetNamespace(), state: "reconciling"}
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil {
		g.reason = ready.Reason
		if ready.Status == metav1.ConditionTrue {
			g.state = "ready"
		}
	}
	if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) {
		g.state = "stalled"
	}
	c[g]++
}

func (c counts) collect(found chan<- prometheus.Metric, d *prometheus.Desc) {
	for g, n := range c {
		found <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), g.organization, g.state, g.reason)
	}
}

func (s *State) collectApps(found chan<- prometheus.Metric) {
	n := counts{}
	for app := range all[*v1alpha1.App](s.Apps) {
		n.add(app, app.Status.Conditions)
	}
	n.collect(found, apps)
}

func (s *State) collectDomains(found chan<- prometheus.Metric, certified ends) {
	n := counts{}
	for domain := range all[*v1alpha1.Domain](s.Domains) {
		n.add(domain, domain.Status.Conditions)
		if c := domain.Status.Certificate; c != nil && c.NotAfter != nil {
			certified.add(domain.Namespace, c.NotAfter.Time, "Domain", domain.Name, string(c.Type))
		}
	}
	n.collect(found, domains)
}

// addCertificates adds those of the default hosts of Apps; the status of a Domain says when its own ends.
func (s *State) addCertificates(certified ends) {
	for c := range all[*cmv1.Certificate](s.Certificates) {
		owner := metav1.GetControllerOfNoCopy(c)
		if owner == nil || owner.Kind != "App" || !isBerths(owner) || c.Status.NotAfter == nil {
			continue
		}
		certified.add(c.Namespace, c.Status.NotAfter.Time, "App", owner.Name, string(v1alpha1.CertificateDefault))
	}
}

func isBerths(owner *metav1.OwnerReference) bool {
	version, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && version.Group == v1alpha1.GroupVersion.Group
}

func (s *State) collectTokens(found chan<- prometheus.Metric) {
	tokens := ends{}
	for secret := range all[*corev1.Secret](s.Secrets) {
		// People may make Secrets with any label, and two series of the same labels would fail the scrape as a whole: the name is unique.
		app := secret.Labels[v1alpha1.LabelApp]
		if secret.Labels[v1alpha1.LabelSecret] != v1alpha1.SecretPull || secret.Name != names.PullSecret(app) {
			continue
		}
		// A login without an end has no such annotation.
		if end, err := time.Parse(time.RFC3339, secret.Annotations[v1alpha1.AnnotationExpiresAt]); err == nil {
			tokens.add(secret.Namespace, end, app)
		}
	}
	tokens.collect(found, pullTokens)
}

// all yields what a cache has of a type.
func all[T any](l Lister) func(func(T) bool) {
	return func(yield func(T) bool) {
		for _, o := range l.List() {
			if typed, ok := o.(T); ok && !yield(typed) {
				return
			}
		}
	}
}
