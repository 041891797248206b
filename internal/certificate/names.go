package certificate

import (
	"crypto/x509"
	"encoding/asn1"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	hostname "github.com/berth-dev/berth/internal/host"
)

// servedName is a normalized name that an ingress controller can serve a certificate for: a hostname, or a wildcard for one label. Private
// authorities also sign single labels and underscores.
var servedName = regexp.MustCompile(`^([*][.])?([-a-z0-9_]{1,63}[.])*[-a-z0-9_]{1,63}$`)

// oidCommonName is the type of a common name in a subject. A subject may have several, of which x509 keeps the last one.
var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// Names returns the names by which an ingress controller may choose a certificate: its DNS names, its IP addresses and what its common names
// hold. They are normalized, sorted and unique.
//
// Traefik keeps the certificates of all Ingresses in one store, in lower case, and chooses by these names alone; so does HAProxy. Traefik
// joins and splits them at commas, so one common name can stand for several hosts. Neither looks at e-mail addresses and URIs.
func Names(leaf *x509.Certificate) []string {
	var all []string
	for _, name := range leaf.DNSNames {
		all = append(all, hostname.Normalize(name))
	}
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	for _, attribute := range leaf.Subject.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidCommonName) {
			all = append(all, commonNames(text)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// commonNames returns what an ingress controller may take for a name in a common name. That may be any text, such as "Example Inc."; its words
// without a dot count only where a part has no other word.
func commonNames(text string) []string {
	var all []string
	// Traefik also turns characters beyond ASCII into lower case: the Kelvin sign becomes a k.
	for part := range strings.SplitSeq(strings.ToLower(text), ",") {
		part = strings.TrimSpace(part)
		if _, err := netip.ParseAddr(part); err == nil {
			all = append(all, part)
			continue
		}
		for _, word := range words(part) {
			if strings.Contains(word, ".") && strings.Trim(word, ".*-_") != "" || word == strings.TrimRight(part, ".") {
				all = append(all, word)
			}
		}
	}
	return all
}

// words returns what may be hostnames in a text, in their normalized spelling. An internationalized name counts as its punycode; letters beyond ASCII
// that make no such name only separate words.
func words(text string) []string {
	var all []string
	isSeparator := func(char rune) bool {
		return !isNameCharacter(char) && !unicode.In(char, unicode.Letter, unicode.Mark, unicode.Digit)
	}
	for word := range strings.FieldsFuncSeq(text, isSeparator) {
		rest, wildcard := strings.CutPrefix(word, "*.")
		name, err := hostname.ToASCII(rest)
		switch {
		case err != nil:
			for part := range strings.FieldsFuncSeq(word, func(char rune) bool { return !isNameCharacter(char) }) {
				all = append(all, hostname.Normalize(part))
			}
		case wildcard:
			all = append(all, "*."+name)
		default:
			all = append(all, name)
		}
	}
	return all
}

func isNameCharacter(char rune) bool {
	return 'a' <= char && char <= 'z' || '0' <= char && char <= '9' || strings.ContainsRune(".-_*", char)
}

// Hosts answers whose hosts are.
type Hosts interface {
	// IsForeign reports whether anything outside the organization has a host that a name of a certificate covers.
	IsForeign(name string) (bool, error)
	// IsProven reports whether the organization has proven that it owns a host.
	IsProven(host string) (bool, error)
}

// NamePolicy says which names a certificate may have that is served for a host.
type NamePolicy struct {
	// Host is what the certificate is for. It is never refused: the route for it is there already.
	Host string
	// App is the App that the host leads to. Of the names below the base domain, the certificate may have this App's default host.
	App string
	// Rules say which names are the platform's.
	Rules hostname.Rules
	// IsNamespace reports whether the cluster has a Namespace of a name. Default: it is not known.
	IsNamespace func(string) bool
	// Hosts answers whose hosts are. Default: only names that are reserved are refused.
	Hosts Hosts
	// Proof says that the certificate may have only names at or below hosts that the organization has proven to own.
	Proof bool
	// SingleLabels allows DNS names of a single label. They are names of Services, such as berth-facade, or of an intranet; no Domain has one.
	SingleLabels bool
}

// Check returns a Problem if an ingress controller might serve a certificate for a host that is not the organization's, or what kept Hosts from
// answering.
func (p NamePolicy) Check(leaf *x509.Certificate) error {
	if err := p.checkSingleLabels(leaf); err != nil {
		return err
	}
	for _, name := range Names(leaf) {
		if err := p.check(name); err != nil {
			return err
		}
	}
	return nil
}

// checkSingleLabels returns a Problem if a DNS name of a certificate has a single label. A common name of one word is more often no hostname, and clients
// do not accept it as one.
func (p NamePolicy) checkSingleLabels(leaf *x509.Certificate) error {
	if p.SingleLabels {
		return nil
	}
	for _, text := range leaf.DNSNames {
		if name := hostname.Normalize(text); servedName.MatchString(name) && !strings.Contains(name, ".") {
			return problem("The certificate names %s, which has a single label and may be a Service of the cluster. Use a certificate without this name.", name)
		}
	}
	return nil
}

func (p NamePolicy) check(name string) error {
	if name == p.Host {
		return nil
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return problem("The certificate names the IP address %s. Use a certificate that names only hosts.", name)
	}
	if !servedName.MatchString(name) {
		return problem("The certificate names %q, which is not a valid hostname. Use a certificate without this name.", name)
	}
	if p.isReserved(name) {
		return problem("The certificate names %s, which is reserved by the platform. Use a certificate without this name.", name)
	}
	if p.Hosts == nil {
		return nil
	}
	foreign, err := p.Hosts.IsForeign(name)
	switch {
	case err != nil:
		return err
	case foreign:
		return problem("The certificate names %s, which covers a host outside the organization. Use a certificate without this name.", name)
	case !p.Proof || p.Rules.IsPlatform(name):
		return nil
	default:
		return p.checkProof(name)
	}
}

// isReserved reports whether a name is the platform's, or covers a host that is.
func (p NamePolicy) isReserved(name string) bool {
	// A single label may be the word of a common name, and that of a Namespace. As a DNS name, it is refused before.
	if !strings.Contains(name, ".") {
		return false
	}
	parent, wildcard := strings.CutPrefix(name, "*.")
	if !wildcard {
		return p.Rules.Refusal(name, p.App, p.IsNamespace) != ""
	}
	platform := append([]string{p.Rules.BaseDomain, p.Rules.PublicHost}, p.Rules.Reserved...)
	if slices.ContainsFunc(platform, func(domain string) bool { return domain != "" && hostname.Covers(name, domain) }) {
		return true
	}
	// Any name that the wildcard covers, but for the App's default host: that is not all that it covers.
	return p.Rules.Refusal("x."+parent, "", p.IsNamespace) != ""
}

// checkProof returns a Problem unless the organization has proven a name, or a domain above it. A wildcard counts as its parent. What has no
// dot cannot be proven.
func (p NamePolicy) checkProof(name string) error {
	domain := strings.TrimPrefix(name, "*.")
	for above := domain; strings.Contains(above, "."); above = hostname.Parent(above) {
		if proven, err := p.Hosts.IsProven(above); proven || err != nil {
			return err
		}
	}
	if !strings.Contains(name, ".") {
		return nil
	}
	return problem("The certificate names %s, and the organization has not proven that it owns %s. Use a certificate without this name, "+
		"or prove the ownership with a Domain for that host.", name, domain)
}
