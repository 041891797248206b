package host

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// SpellingError says in sentences what is wrong with a text that should be a hostname, and what to enter instead.
type SpellingError string

// Error returns the sentences.
func (e SpellingError) Error() string { return string(e) }

const (
	errHost = SpellingError("Enter a valid hostname with at least two labels, such as www.example.com. Wildcards and IP addresses are not valid.")
	errPath = SpellingError("A domain has no path. Enter the hostname alone, such as www.example.com.")
	errUser = SpellingError("A domain has no user name. Enter the hostname alone, without the @ and what precedes it.")
)

// errCharacters is the error of names that package idna converts without one, such as those that are not valid UTF-8.
var errCharacters = errors.New("it has invalid characters")

var (
	// webAddress matches what precedes the host in the address of a website, with as many slashes as browsers accept.
	webAddress = regexp.MustCompile(`^(?i:https?:/*|//)`)
	// otherAddress matches the scheme of any other address.
	otherAddress = regexp.MustCompile(`^[A-Za-z][-+.A-Za-z0-9]{0,31}://`)
	port         = regexp.MustCompile(`:[0-9]{1,5}$`)
)

// Parse returns the host that a person means by a text: a hostname in any case, in Unicode or in punycode, or the address of a website, such as
// https://www.example.com/. The error is a SpellingError.
//
// A label in ASCII that begins with xn-- may still be invalid: see CheckPunycode.
func Parse(text string) (string, error) {
	name, err := hostPart(strings.TrimFunc(text, isPadding))
	if err != nil {
		return "", err
	}
	if name, err = ToASCII(name); err != nil {
		return "", err
	}
	if !IsValid(name) {
		return "", errHost
	}
	return name, nil
}

// isPadding reports whether a character around a name comes from copying it: white space, a byte order mark, or a mark of the text's direction.
func isPadding(char rune) bool {
	const zeroWidthSpace, wordJoiner, byteOrderMark = '\u200b', '\u2060', '\ufeff'
	return unicode.IsSpace(char) || unicode.Is(unicode.Bidi_Control, char) || char == zeroWidthSpace || char == wordJoiner || char == byteOrderMark
}

// hostPart returns the host in the address of a website, or a text that is not an address as it is. Errors quote nothing that may be a password.
func hostPart(text string) (string, error) {
	text = text[len(webAddress.FindString(text)):]
	if scheme := otherAddress.FindString(text); scheme != "" {
		return "", SpellingError(fmt.Sprintf("A domain is the host of a website. Enter the hostname alone, without %s.", scheme))
	}
	name, path := text, ""
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		name, path = text[:end], text[end:]
	}
	_, notAddress := netip.ParseAddr(strings.Trim(name, "[]"))
	switch number := port.FindString(name); {
	case strings.Contains(name, "@"):
		return "", errUser
	case notAddress == nil:
		return "", errHost
	case number != "":
		return "", SpellingError(fmt.Sprintf("A domain has no port: all hosts are served on port 443. Enter the hostname without %s.", number))
	case path != "" && path != "/":
		return "", errPath
	}
	return name, nil
}

// maxSpelling is how many bytes the longest spelling of a host may have. To encode a name as punycode takes time that grows with the square of its length.
const maxSpelling = 4 * maxLength

// ToASCII returns the normalized spelling of a name, with punycode for labels that are not ASCII. Which names are valid and which of them are the
// same is decided as in browsers, by UTS #46 without the transitional mappings: https://www.unicode.org/reports/tr46. A name in ASCII is only
// normalized. The error is a SpellingError.
func ToASCII(name string) (string, error) {
	if isASCII(name) {
		return Normalize(name), nil
	}
	if len(name) > maxSpelling {
		return "", errHost
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err == nil && !isCanonical(ascii) {
		err = errCharacters
	}
	if err != nil {
		return "", SpellingError(fmt.Sprintf("%q is not a valid internationalized hostname (%s). Correct it, or enter its punycode, such as xn--mnchen-3ya.example.",
			name, strings.TrimPrefix(err.Error(), "idna: ")))
	}
	return Normalize(ascii), nil
}

// Canonical returns the spelling of a name that was looked for. If it cannot be that of a host, it is only normalized, so that nothing is found.
func Canonical(name string) string {
	ascii, err := ToASCII(name)
	if err != nil {
		return Normalize(name)
	}
	return ascii
}

// CheckPunycode returns a SpellingError if a label of a valid host begins with xn-- without being the punycode of an internationalized name: no browser
// looks it up, and it could be another spelling of a host that someone else has. CEL cannot decode punycode, so the CRD accepts such a host.
func CheckPunycode(host string) error {
	if !strings.Contains("."+host, ".xn--") {
		return nil
	}
	if isCanonical(host) {
		return nil
	}
	return SpellingError(fmt.Sprintf("Host %s is not a valid hostname: a label that begins with xn-- must be the punycode of an internationalized name. "+
		"Enter the name itself or correct its punycode.", host))
}

// isCanonical reports whether a name in ASCII is what the name becomes that its punycode stands for.
func isCanonical(name string) bool {
	ascii, err := idna.Lookup.ToASCII(name)
	return err == nil && ascii == name
}

// Unicode returns a host with the letters that its punycode stands for, or an empty string if it has no punycode or an invalid one.
func Unicode(host string) string {
	name, err := idna.Display.ToUnicode(host)
	if err != nil || name == host {
		return ""
	}
	return name
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(char rune) bool { return char >= utf8.RuneSelf })
}
