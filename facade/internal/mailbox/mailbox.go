// Package mailbox reads e-mail addresses and names of mail servers as people write them, and writes them as SMTP has them.
//
// Its functions are pure.
package mailbox

import (
	"errors"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	// maxText is the length, in characters, of the longest address with its display name that a Domain can have.
	maxText = 512
	// maxAddress is the length of the longest address that SMTP can carry: RFC 5321, section 4.5.3.1.3, without the angle brackets.
	maxAddress = 254
	// maxHost is the length of the longest host name.
	maxHost = 253
)

// Pattern matches every text that Parse accepts. The custom resource definition of Domains has it as well and accepts some more, of which Parse
// says what is wrong when mail is sent.
const Pattern = `^(([^<>"@]|"([^"\\]|\\.)*")*<\s*([^@\s]+|"([^"\\]|\\.)+")@[^@\s]+\s*>|([^@\s]+|"([^"\\]|\\.)+")@[^@\s]+)$`

// HostPattern matches host names, in which letters may be of any script.
const HostPattern = `^([\p{L}\p{N}]([-\p{L}\p{N}\p{M}]{0,61}[\p{L}\p{N}\p{M}])?[.])*[\p{L}\p{N}]([-\p{L}\p{N}\p{M}]{0,61}[\p{L}\p{N}\p{M}])?$`

var (
	pattern     = regexp.MustCompile(Pattern)
	hostPattern = regexp.MustCompile(HostPattern)
	// internationalized reads domains as browsers do, and holds them to the lengths of DNS.
	internationalized = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
)

// Why a text is not an address or a host name.
var (
	errControl = errors.New("it has control characters")
	errSyntax  = errors.New("it is not an address such as support@example.com or Support <support@example.com>")
	errLength  = errors.New("it is too long")
	errDomain  = errors.New("its domain is not a valid one")
	errHost    = errors.New("it is not a valid host name or IP address")
)

// Mailbox is an e-mail address, with the name of whom it belongs to.
type Mailbox struct {
	// Name is what mail programs show. May be empty.
	Name string
	// Local is what is before the @, without quotes.
	Local string
	// Domain is what is behind it, in ASCII: an internationalized domain is punycode.
	Domain string
}

// Parse reads a mailbox of RFC 5322: an address, with or without a display name. A name may have characters that RFC 5322 wants to be quoted, as
// the comma in Example, Inc. <support@example.com>, where the text can't mean anything else.
func Parse(text string) (Mailbox, error) {
	text = strings.TrimSpace(text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return Mailbox{}, errControl
	case utf8.RuneCountInString(text) > maxText || utf8.RuneCountInString(text) > maxAddress && !strings.HasSuffix(text, ">"):
		return Mailbox{}, errLength
	case !pattern.MatchString(text):
		return Mailbox{}, errSyntax
	}
	parsed, err := parseAddress(text)
	// Without angle brackets there is nothing but the address: no comment, and no group, which ends with a semicolon.
	if err != nil || !strings.HasSuffix(text, ">") && (parsed.Name != "" || strings.ContainsAny(text[len(text)-1:], ");")) {
		return Mailbox{}, errSyntax
	}
	// An encoded word could have hidden one.
	if strings.ContainsFunc(parsed.Name+parsed.Address, unicode.IsControl) {
		return Mailbox{}, errControl
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	m := Mailbox{Name: parsed.Name, Local: parsed.Address[:at]}
	if m.Domain, err = toASCII(parsed.Address[at+1:]); err != nil {
		return Mailbox{}, errDomain
	}
	if m.Local == "" {
		return Mailbox{}, errSyntax
	}
	if len(m.Address()) > maxAddress {
		return Mailbox{}, errLength
	}
	return m, nil
}

// parseAddress reads an address by the letter of RFC 5322 or, if what is in front of angle brackets isn't such a name, by what is in them.
func parseAddress(text string) (*mail.Address, error) {
	parsed, err := mail.ParseAddress(text)
	if err == nil {
		return parsed, nil
	}
	name, rest, opened := strings.Cut(text, "<")
	address, closed := strings.CutSuffix(rest, ">")
	if !opened || !closed || strings.ContainsAny(name, `"@`) {
		return nil, err
	}
	if parsed, err = mail.ParseAddress("<" + strings.TrimSpace(address) + ">"); err != nil {
		return nil, err
	}
	parsed.Name = strings.TrimSpace(name)
	return parsed, nil
}

// Address returns the address as it stands between the angle brackets of SMTP.
func (m Mailbox) Address() string {
	local := m.Local
	if !isDotString(local) {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	return local + "@" + m.Domain
}

// NeedsUTF8 reports whether the address can be sent only to servers that take UTF-8 in addresses: RFC 6531. A domain never is the reason.
func (m Mailbox) NeedsUTF8() bool {
	return strings.ContainsFunc(m.Local, func(r rune) bool { return r > unicode.MaxASCII })
}

// Header returns the mailbox for the header of a message.
func (m Mailbox) Header() *mail.Address {
	return &mail.Address{Name: m.Name, Address: m.Local + "@" + m.Domain}
}

// isDotString reports whether a local part needs no quotes: RFC 5321, section 4.1.2.
func isDotString(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"(),:;<>@[\]`, r) }) {
			return false
		}
	}
	return true
}

// IsAddress reports whether a text is an address alone, without a name or angle brackets.
func IsAddress(text string) bool {
	_, err := Parse(text)
	return err == nil && !strings.HasSuffix(text, ">") && strings.TrimSpace(text) == text
}

// Host returns the name or IP address of a mail server as DNS has it: an internationalized name as punycode.
func Host(text string) (string, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		// An IPv4 address that is written as one of IPv6 is not an address to the API server.
		if address.Zone() != "" || address.Is4In6() {
			return "", errHost
		}
		return text, nil
	}
	if !hostPattern.MatchString(text) {
		return "", errHost
	}
	ascii, err := toASCII(text)
	if err != nil || len(ascii) > maxHost {
		return "", errHost
	}
	return ascii, nil
}

// toASCII returns a domain as punycode. What is ASCII already stays as it is: old names break rules that new ones are held to.
func toASCII(domain string) (string, error) {
	if !strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
		return domain, nil
	}
	return internationalized.ToASCII(domain)
}
