package desired

import (
	"crypto/sha256"
	"encoding/hex"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// The objects of an App have the App's own name. An App's name is a DNS label and so without dots; the objects of a Domain end in a
// suffix with a dot, so that a Domain and an App of the same name never mean the same object.
const (
	tlsSuffix          = "-tls"
	customSuffix       = "-custom"
	domainSuffix       = ".domain"
	domainTLSSuffix    = ".domain-tls"
	domainCustomSuffix = ".domain-custom"
)

// Labels that tell other tools what an object is, as Kubernetes recommends them.
const (
	// LabelName is the name of the App that an object serves.
	LabelName = "app.kubernetes.io/name"
	// LabelManagedBy is ManagedBy on everything that the controllers write.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "berth"
)

// Host returns the default host of an App.
func Host(app, baseDomain string) string {
	return app + "." + baseDomain
}

// URL returns the address that a host answers at.
func URL(host string) string {
	return "https://" + host
}

// TLSSecret returns the name of the Secret with the certificate that an issuer signs for an App's default host.
func TLSSecret(app string) string {
	return app + tlsSuffix
}

// CustomSecret returns the name of the Secret with the copy of a custom certificate for an App's default host.
func CustomSecret(app string) string {
	return app + customSuffix
}

// DomainObject returns the name of a Domain's Certificate and of its Ingress.
func DomainObject(domain string) string {
	return child(domain, domainSuffix)
}

// DomainTLSSecret returns the name of the Secret with the certificate that an issuer signs for a Domain.
func DomainTLSSecret(domain string) string {
	return child(domain, domainTLSSuffix)
}

// DomainCustomSecret returns the name of the Secret with the copy of a Domain's custom certificate.
func DomainCustomSecret(domain string) string {
	return child(domain, domainCustomSuffix)
}

// Selector returns the labels that the Pods of an App are selected by.
func Selector(app string) map[string]string {
	return map[string]string{v1alpha1.LabelApp: app}
}

func appLabels(app string) map[string]string {
	return map[string]string{LabelName: app, LabelManagedBy: ManagedBy, v1alpha1.LabelApp: app}
}

func domainLabels(domain *v1alpha1.Domain) map[string]string {
	return map[string]string{
		LabelName:            domain.Spec.AppRef.Name,
		LabelManagedBy:       ManagedBy,
		v1alpha1.LabelDomain: string(domain.GetUID()),
	}
}

// child appends the suffix to the name. Where the whole would be too long for a name, the end of the name gives way to a hash of it.
func child(name, suffix string) string {
	if len(name)+len(suffix) <= validation.DNS1123SubdomainMaxLength {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	hash := "x" + hex.EncodeToString(sum[:8])
	return name[:validation.DNS1123SubdomainMaxLength-len(suffix)-len(hash)] + hash + suffix
}
