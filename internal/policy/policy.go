// Package policy interprets the spec of an Organization: which defaults apply and what the organization may use. It is pure.
package policy

import (
	"cmp"
	"maps"
	"math"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// Migrates reports whether a Namespace was an organization before Organizations were a kind, and has not become one since. The operator creates its
// Organization.
func Migrates(ns *corev1.Namespace) bool {
	_, labelled := ns.GetLabels()[v1alpha1.LabelOrganization]
	a := ns.GetAnnotations()
	return labelled && ns.GetDeletionTimestamp().IsZero() && a[v1alpha1.AnnotationExternalID] != "" && a[v1alpha1.AnnotationOrganizationUID] == ""
}

// Unlimited is the limit of a count that has none.
const Unlimited = math.MaxInt32

const (
	defaultCertificatesPerHour = 10
	defaultCertificatesPerDay  = 50
	defaultHeldHosts           = 100

	defaultSecretBytes          = 64 << 20
	defaultSecretBytesPerMinute = 10 << 20
	defaultRequestsPerSecond    = 200
	defaultLogFollowers         = 100
)

// The defaults for organizations that are not trusted.
var (
	defaultQuota = amounts(map[corev1.ResourceName]string{
		"count/secrets":           "500",
		"count/apps.berth.dev":    "100",
		"count/domains.berth.dev": "200",

		corev1.ResourcePods:                     "200",
		corev1.ResourceRequestsCPU:              "20",
		corev1.ResourceRequestsMemory:           "40Gi",
		corev1.ResourceLimitsMemory:             "80Gi",
		corev1.ResourceRequestsEphemeralStorage: "40Gi",
		corev1.ResourceLimitsEphemeralStorage:   "100Gi",
	})
	defaultRequests = amounts(map[corev1.ResourceName]string{
		corev1.ResourceCPU: "50m", corev1.ResourceMemory: "128Mi", corev1.ResourceEphemeralStorage: "100Mi",
	})
	defaultLimits = amounts(map[corev1.ResourceName]string{
		corev1.ResourceMemory: "512Mi", corev1.ResourceEphemeralStorage: "1Gi",
	})
)

func amounts(texts map[corev1.ResourceName]string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for name, text := range texts {
		list[name] = resource.MustParse(text)
	}
	return list
}

// LabelPodSecurity is the label of a Namespace that says which Pod Security Standard is enforced in it.
const LabelPodSecurity = "pod-security.kubernetes.io/enforce"

// Restricted reports whether the Pod Security Standard restricted is in effect in the organization's Namespace. Its label decides, since
// that is what the API server enforces; the spec decides until there is one.
func Restricted(org v1alpha1.Organization, ns *corev1.Namespace) bool {
	level, enforced := ns.GetLabels()[LabelPodSecurity]
	if !enforced {
		level = string(org.Spec.PodSecurity)
	}
	switch level {
	case "", "privileged", string(v1alpha1.PodSecurityBaseline):
		return false
	default: // The API server enforces restricted for a level that it does not know.
		return true
	}
}

// Trusted reports whether the defaults for strangers are lifted.
func Trusted(org v1alpha1.Organization) bool { return ptr.Deref(org.Spec.Trusted, false) }

// Quota returns the hard limits of the organization's ResourceQuota. It is empty if there are none.
func Quota(org v1alpha1.Organization) corev1.ResourceList {
	return withDefaults(org, org.Spec.Quota, defaultQuota)
}

// Requests returns the default requests of the organization's containers. A default of the platform is at most the limit that the spec
// names, since a request above its limit is invalid.
func Requests(org v1alpha1.Organization) corev1.ResourceList {
	all := withDefaults(org, org.Spec.DefaultRequests, defaultRequests)
	for name, limit := range org.Spec.DefaultLimits {
		request, ok := all[name]
		if _, named := org.Spec.DefaultRequests[name]; ok && !named && request.Cmp(limit) > 0 {
			all[name] = limit
		}
	}
	return all
}

// Limits returns the default limits of the organization's containers. A default of the platform is at least the request that the spec names.
func Limits(org v1alpha1.Organization) corev1.ResourceList {
	all := withDefaults(org, org.Spec.DefaultLimits, defaultLimits)
	for name, request := range org.Spec.DefaultRequests {
		limit, ok := all[name]
		if _, named := org.Spec.DefaultLimits[name]; ok && !named && limit.Cmp(request) < 0 {
			all[name] = request
		}
	}
	return all
}

// withDefaults returns a new list of what the spec names and, unless the organization is trusted, of the defaults for the rest.
func withDefaults(org v1alpha1.Organization, spec, defaults corev1.ResourceList) corev1.ResourceList {
	all := corev1.ResourceList{}
	if !Trusted(org) {
		maps.Copy(all, defaults)
	}
	maps.Copy(all, spec)
	return all
}

// VerifiesHosts reports whether a Domain of the organization has its host only with a proof of ownership. platformDefault is the operator's
// flag --verify-domains.
func VerifiesHosts(org v1alpha1.Organization, platformDefault bool) bool {
	switch {
	case org.Spec.HostVerification != "":
		return org.Spec.HostVerification == v1alpha1.HostVerificationRequired
	case Trusted(org):
		return false
	default:
		return platformDefault
	}
}

// AllowsIssuer reports whether Domains of the organization may name an issuer. The platform's own issuer is always allowed.
func AllowsIssuer(org v1alpha1.Organization, ref, platform v1alpha1.IssuerRef) bool {
	ref = complete(ref)
	if ref == complete(platform) {
		return true
	}
	for _, allowed := range org.Spec.AllowedIssuers {
		if ref == complete(allowed) {
			return true
		}
	}
	return false
}

// complete fills in the defaults of an IssuerRef that did not pass the API server.
func complete(ref v1alpha1.IssuerRef) v1alpha1.IssuerRef {
	ref.Kind = cmp.Or(ref.Kind, cmv1.ClusterIssuerKind)
	ref.Group = cmp.Or(ref.Group, cmv1.SchemeGroupVersion.Group)
	return ref
}

// CertificateLimits returns how many certificates the platform requests for the organization within an hour and within a day, renewals not
// counted. Without a limit, it is Unlimited.
func CertificateLimits(org v1alpha1.Organization) (perHour, perDay int) {
	perHour, perDay = defaultCertificatesPerHour, defaultCertificatesPerDay
	if Trusted(org) {
		perHour, perDay = Unlimited, Unlimited
	}
	if l := org.Spec.Limits; l != nil {
		perHour = int(ptr.Deref(l.NewCertificatesPerHour, int32(perHour)))
		perDay = int(ptr.Deref(l.NewCertificatesPerDay, int32(perDay)))
	}
	return perHour, perDay
}

// HeldHosts returns how many released hosts are held for the organization.
func HeldHosts(org v1alpha1.Organization) int {
	if org.Spec.Limits == nil {
		return defaultHeldHosts
	}
	return int(ptr.Deref(org.Spec.Limits.HeldHosts, defaultHeldHosts))
}

// MaxEnvironment is the size in bytes of the largest environment that the REST API accepts.
const MaxEnvironment = 1000 << 10

// SecretBytes returns how many bytes of what REST clients send are kept for the organization, and how many of them a replica of the REST API writes
// within a minute. Without a limit, it is math.MaxInt64. A rate is at least enough for the largest environment, or nobody could ever write that.
func SecretBytes(org v1alpha1.Organization) (most, perMinute int64) {
	most, perMinute = defaultSecretBytes, defaultSecretBytesPerMinute
	if Trusted(org) {
		most, perMinute = math.MaxInt64, math.MaxInt64
	}
	if l := org.Spec.Limits; l != nil {
		if l.SecretBytes != nil {
			most = l.SecretBytes.Value()
		}
		if l.SecretBytesPerMinute != nil {
			perMinute = l.SecretBytesPerMinute.Value()
		}
	}
	return most, max(perMinute, MaxEnvironment)
}

// RequestsPerSecond returns how many requests a second a replica of the REST API serves for the organization. Without a limit, it is Unlimited.
func RequestsPerSecond(org v1alpha1.Organization) int {
	return limitOf(org, defaultRequestsPerSecond, func(l v1alpha1.OrganizationLimits) *int32 { return l.RequestsPerSecond })
}

// LogFollowers returns how many clients can follow logs of the organization at a replica of the REST API. Without a limit, it is Unlimited.
func LogFollowers(org v1alpha1.Organization) int {
	return limitOf(org, defaultLogFollowers, func(l v1alpha1.OrganizationLimits) *int32 { return l.LogFollowers })
}

// limitOf returns what the spec says of a limit, or its default, which does not apply to a trusted organization.
func limitOf(org v1alpha1.Organization, standard int32, field func(v1alpha1.OrganizationLimits) *int32) int {
	if Trusted(org) {
		standard = Unlimited
	}
	return int(ptr.Deref(field(ptr.Deref(org.Spec.Limits, v1alpha1.OrganizationLimits{})), standard))
}
