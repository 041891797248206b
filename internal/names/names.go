// Package names says how the objects of organizations, Apps and Domains are called, for all that write or read them.
//
// The objects of an App have the App's own name, with a suffix where it has several of a kind. An App's name is a DNS label and so without
// dots; those of a Domain end in a suffix with a dot, so that a Domain and an App of the same name never mean the same object.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	tlsSuffix          = "-tls-"
	customSuffix       = "-custom"
	pullSuffix         = "-pull"
	domainSuffix       = ".domain"
	domainTLSSuffix    = ".domain-tls-"
	domainCustomSuffix = ".domain-custom"
	newCertSuffix      = ".newcert"
)

// OrganizationObject is the name of the NetworkPolicy, the LimitRange and the ResourceQuota of every organization.
const OrganizationObject = "berth"

// TLSSecret returns the name of the Secret with the certificate that an issuer signed for an App's default host. The UID is the App's: with a
// part of it, nobody can have taken the name before the App was there, and so cert-manager overwrites nothing of anybody's.
func TLSSecret(app string, uid types.UID) string {
	return app + tlsSuffix + start(uid)
}

// CustomSecret returns the name of the Secret with the copy of a custom certificate for an App's default host.
func CustomSecret(app string) string {
	return app + customSuffix
}

// PullSecret returns the name of the Secret with the credentials that an App's image is pulled with.
func PullSecret(app string) string {
	return app + pullSuffix
}

// DomainObject returns the name of a Domain's Certificate and of its Ingress.
func DomainObject(domain string) string {
	return child(domain, domainSuffix)
}

// DomainTLSSecret returns the name of the Secret with the certificate that an issuer signed for a Domain, which has the UID.
func DomainTLSSecret(domain string, uid types.UID) string {
	return child(domain, domainTLSSuffix+start(uid))
}

// DomainCustomSecret returns the name of the Secret with the copy of a Domain's custom certificate.
func DomainCustomSecret(domain string) string {
	return child(domain, domainCustomSuffix)
}

// NewCertSecret returns the name of the Secret with the private key that waits for a certificate of a Domain. An App that has no Domain is
// taken for one that has its name.
func NewCertSecret(domain string) string {
	return child(domain, newCertSuffix)
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
