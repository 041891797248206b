// Package host is the one place that decides what a hostname means to Berth: which names are valid, which one an App has by default, which are
// reserved, and which ones a name in a certificate covers. The CRDs say the same in CEL; the operator and the facade call this package, so that
// every door accepts the same hosts.
//
// Its functions are pure.
package host

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
	"k8s.io/apimachinery/pkg/util/validation"
)

// maxLength is the length of the longest hostname: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4, without the root's dot.
const maxLength = 253

// DefaultClusterDomain is the DNS domain of most clusters.
const DefaultClusterDomain = "cluster.local"

var (
	pattern = regexp.MustCompile(`^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	// numeric matches names that browsers and some resolvers read as an IPv4 address: 127.1, 0x7f.1.
	// See https://url.spec.whatwg.org/#ends-in-a-number-checker.
	numeric = regexp.MustCompile(`(^|[.])([0-9]+|0x[0-9a-f]*)$`)
)

// Normalize returns the spelling of a hostname that identifies it: ASCII letters in lower case and no dot at the end. Other characters stay as
// they are, so that no invalid name becomes a valid one. The root, a single dot, also stays, since an empty name means something else.
func Normalize(name string) string {
	name = strings.Map(lower, name)
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

func lower(char rune) rune {
	if 'A' <= char && char <= 'Z' {
		return char + 'a' - 'A'
	}
	return char
}

// IsValid reports whether a normalized name is a hostname that a Domain can have: at least two DNS labels, no wildcard, and nothing that
// programs take for an IP address.
func IsValid(name string) bool {
	_, err := netip.ParseAddr(name)
	return err != nil && len(name) <= maxLength && pattern.MatchString(name) && !numeric.MatchString(name)
}

// IsUnder reports whether a host is a domain or below it. Nothing is under an empty domain.
func IsUnder(host, domain string) bool {
	return domain != "" && (host == domain || strings.HasSuffix(host, "."+domain))
}

// Default returns the default host of an App.
func Default(app, baseDomain string) string { return app + "." + baseDomain }

// URL returns the address at which a host is served.
func URL(host string) string { return "https://" + host }

// OfURL returns the host of an address such as https://berth.example.com, or an empty string if the address is empty. An address without a scheme is
// an error: it would have no host, and nothing would be reserved.
func OfURL(address string) (string, error) {
	if address == "" {
		return "", nil
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	if parsed.Hostname() == "" {
		return "", fmt.Errorf("%q is not a URL with a host, such as https://berth.example.com", address)
	}
	return ToASCII(parsed.Hostname())
}

// ParseDomain returns a domain of the platform's configuration, such as a reserved one, in its normalized spelling, also if it is written in Unicode.
// Unlike a host, it may have a single label.
func ParseDomain(text string) (string, error) {
	name, err := ToASCII(text)
	if err != nil {
		return "", err
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fmt.Errorf("%q is not a valid domain: %s", text, strings.Join(problems, "; "))
	}
	return name, nil
}

// Rules say which hosts are the platform's own. All names are normalized.
type Rules struct {
	// BaseDomain is the domain under which Apps have their default hosts. It and every name below it are reserved.
	BaseDomain string
	// PublicHost is the host of the facade's public URL. Empty if it has none.
	PublicHost string
	// ClusterDomain is the DNS domain of the cluster. Default: DefaultClusterDomain.
	ClusterDomain string
	// Reserved are domains that are reserved with every name below them.
	Reserved []string
}

// IsPlatform reports whether a host is the base domain or below it.
func (r Rules) IsPlatform(host string) bool { return IsUnder(host, r.BaseDomain) }

// DefaultOf returns the name of the App whose default host a host would be, or an empty string if it would be none's.
func (r Rules) DefaultOf(host string) string {
	app, found := strings.CutSuffix(host, "."+r.BaseDomain)
	if !found || strings.Contains(app, ".") {
		return ""
	}
	return app
}

// Refusal says, in a sentence, why no Domain of an App can have a host, or returns an empty string if one can. A host that is the App's own
// default host is never refused. isNamespace reports whether the cluster has a Namespace of a name.
func (r Rules) Refusal(host, app string, isNamespace func(string) bool) string {
	if host == Default(app, r.BaseDomain) {
		return ""
	}
	switch {
	case r.IsPlatform(host):
		return fmt.Sprintf("Host %s is reserved: of %s and the names below it, a Domain can only have the default host of its App.", host, r.BaseDomain)
	case r.isClusterInternal(host, isNamespace):
		return fmt.Sprintf("Host %s is reserved: cluster-internal names cannot be used. Choose a public hostname.", host)
	case host == r.PublicHost || slices.ContainsFunc(r.Reserved, func(domain string) bool { return IsUnder(host, domain) }):
		return fmt.Sprintf("Host %s is reserved by the platform. Choose another host or ask the platform's administrator.", host)
	default:
		return ""
	}
}

// isClusterInternal reports whether Pods may resolve a name to something inside the cluster: by its full name, or by one that the search path
// completes, such as service.namespace and pod.service.namespace.
// See https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.
func (r Rules) isClusterInternal(host string, isNamespace func(string) bool) bool {
	domain := r.ClusterDomain
	if domain == "" {
		domain = DefaultClusterDomain
	}
	last := host[strings.LastIndex(host, ".")+1:]
	if last == "svc" || last == "pod" || IsUnder(host, domain) || IsUnder(host, DefaultClusterDomain) {
		return true
	}
	// A Namespace that has the name of a public top-level domain, such as "dev" or "app", must not take all of its names away.
	_, public := publicsuffix.PublicSuffix(last)
	return !public && isNamespace != nil && isNamespace(last)
}

// reservedDomains are top-level domains that are no public ones and yet name nothing internal: https://www.rfc-editor.org/rfc/rfc2606#section-2.
var reservedDomains = []string{"test", "example", "invalid"}

// IsInternal reports whether a server of this name is no public one: it is an IP address or what some resolvers take for one, has a single label, or is
// below a domain that is the cluster's, a private network's or a machine's own, such as svc, local, internal or localhost.
func (r Rules) IsInternal(name string) bool {
	if !IsValid(name) || r.isClusterInternal(name, nil) || IsUnder(name, "home.arpa") {
		return true
	}
	last := name[strings.LastIndex(name, ".")+1:]
	_, public := publicsuffix.PublicSuffix(last)
	return !public && !slices.Contains(reservedDomains, last)
}

// Covers reports whether clients accept a DNS name of a certificate for a host. A wildcard stands for exactly one label:
// https://www.rfc-editor.org/rfc/rfc9525#section-6.3.
func Covers(name, host string) bool {
	parent, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		return name == host
	}
	label, rest, found := strings.Cut(host, ".")
	return found && label != "" && rest == parent
}

// Parent returns a host without its first label, or an empty string if it has only one.
func Parent(host string) string {
	_, parent, _ := strings.Cut(host, ".")
	return parent
}
