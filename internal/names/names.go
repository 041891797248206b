// Package names says how the objects of organizations, Apps and Domains are called, for all that write or read them.
//
// The objects of an App have the App's own name, with a suffix where it has several of a kind. An App's name is a DNS label and so without
// dots; those of a Domain end in a suffix with a dot, so that a Domain and an App of the same name never mean the same object.
//
// Ingress controllers join names to keys: Namespace, Service and port, Namespace and Secret, Namespace, Ingress and host. What they join
// therefore ends in digits that the API server draws at random, the first part of a UID or a hash of it: otherwise Service eu-web in Namespace
// shop and Service web in Namespace shop-eu have the same key.
package names

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	tlsSuffix          = "-tls-"
	customSuffix       = "-custom-"
	pullSuffix         = "-pull"
	domainSuffix       = ".domain"
	domainRouteSuffix  = ".domain-"
	domainTLSSuffix    = ".domain-tls-"
	domainCustomSuffix = ".domain-custom-"
	newCertSuffix      = ".newcert"
	keptPrefix         = "kept-"

	formerCustomSuffix       = "-custom"
	formerDomainCustomSuffix = ".domain-custom"

	routePortPrefix = "http-"
	// routePortDigits is how many digits of a hash, of five bits each, a port's name ends in. Ingresses name ports of 15 characters at most.
	routePortDigits = 10
)

// OrganizationObject is the name of the NetworkPolicy, the LimitRange and the ResourceQuota of every organization.
const OrganizationObject = "berth"

// TLSSecret returns the name of the Secret with the certificate that an issuer signed for an App's default host. The UID is the App's: with a
// part of it, nobody can have taken the name before the App was there, and so cert-manager overwrites nothing of anybody's.
func TLSSecret(app string, uid types.UID) string {
	return app + tlsSuffix + start(uid)
}

// AppRoute returns the name of the Ingress of an App's default host. The UID is the App's.
func AppRoute(app string, uid types.UID) string {
	return app + "-" + start(uid)
}

// RoutePort returns the name of the Service port that the Ingresses of an App name. The UID is the App's.
func RoutePort(uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))
	return routePortPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:routePortDigits]
}

// CustomSecret returns the name of the Secret with the copy of a custom certificate for an App's default host. The UID is the App's.
func CustomSecret(app string, uid types.UID) string {
	return app + customSuffix + start(uid)
}

// FormerCustomSecret returns the name that the copy had before it ended in a part of a UID.
func FormerCustomSecret(app string) string {
	return app + formerCustomSuffix
}

// PullSecret returns the name of the Secret with the credentials that an App's image is pulled with.
func PullSecret(app string) string {
	return app + pullSuffix
}

// DomainObject returns the name of a Domain's Certificate.
func DomainObject(domain string) string {
	return child(domain, domainSuffix)
}

// DomainRoute returns the name of the Ingress of a Domain, which has the UID.
func DomainRoute(domain string, uid types.UID) string {
	return child(domain, domainRouteSuffix+start(uid))
}

// DomainTLSSecret returns the name of the Secret with the certificate that an issuer signed for a Domain, which has the UID.
func DomainTLSSecret(domain string, uid types.UID) string {
	return child(domain, domainTLSSuffix+start(uid))
}

// DomainCustomSecret returns the name of the Secret with the copy of the custom certificate of a Domain, which has the UID.
func DomainCustomSecret(domain string, uid types.UID) string {
	return child(domain, domainCustomSuffix+start(uid))
}

// FormerDomainCustomSecret returns the name that the copy had before it ended in a part of a UID.
func FormerDomainCustomSecret(domain string) string {
	return child(domain, formerDomainCustomSuffix)
}

// NewCertSecret returns the name of the Secret with the private key that waits for a certificate of a Domain. An App that has no Domain is
// taken for one that has its name.
func NewCertSecret(domain string) string {
	return child(domain, newCertSuffix)
}

// KeptSecret returns the name of the Secret with a certificate that is kept for a host until it can be used again. The UID is that of the host's claim;
// the rest tells which issuer signed the certificate.
func KeptSecret(claim types.UID, group, kind, name string) string {
	sum := sha256.Sum256([]byte(group + "/" + kind + "/" + name))
	return keptPrefix + string(claim) + "-" + hex.EncodeToString(sum[:4])
}

// start returns the first part of a UID: eight random digits.
func start(uid types.UID) string {
	first, _, _ := strings.Cut(string(uid), "-")
	return first
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
