package certificate

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

const (
	// maxCertificates is how many a text may have; public chains have two to four.
	maxCertificates = 10
	// maxText is the length of a text, in bytes: far more than a TLS handshake could carry.
	maxText = 64 << 10
	// maxWords is how much of a name, or of what a parser says, a message quotes, in characters.
	maxWords = 100
)

// Parts is what PEM texts hold.
type Parts struct {
	// Certificates in the order of the texts.
	Certificates Chain
	// Public is the public half of the private key; nil without a private key.
	Public crypto.PublicKey
	// Private is the private key. It is nil as well if only its public half was kept.
	Private crypto.Signer
}

// Parse reads the certificates and the private key of a PEM text. It accepts what people copy, as long as it can only mean one thing: lines that are
// joined, wrapped, indented, quoted or escaped, byte order marks, spaces in place of plus signs, wrong labels, and text around the blocks. Each block
// counts: one that cannot be read, or that is of another kind, is an error. The error is a Problem, which tells nothing of a private key.
func Parse(text []byte) (Parts, error) {
	if len(text) > maxText { // Before anything is done whose cost grows with the length.
		return Parts{}, problem("It has %d bytes; at most %d are accepted.", len(text), maxText)
	}
	plain := plainText(text)
	blocks := scan(plain)
	if len(blocks) == 0 {
		if decoded := fromBase64(plain); decoded != nil {
			return Parse(decoded)
		}
		return Parts{}, notPEM(text)
	}
	var p Parts
	for _, b := range blocks {
		if err := add(&p, b); err != nil {
			return Parts{}, err
		}
	}
	if err := p.checkCount(); err != nil {
		return Parts{}, err
	}
	return p, nil
}

// ParsePair reads a certificate chain and its private key, each of which may be in either text. An empty text holds neither.
func ParsePair(chain, key []byte) (Parts, error) {
	var pair Parts
	for _, text := range [][]byte{chain, key} {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		p, err := Parse(text)
		if err == nil {
			pair, err = pair.Join(p)
		}
		if err != nil {
			return Parts{}, err
		}
	}
	return pair, nil
}

// ParseChain reads the certificates of a PEM text in their order, as Parse does.
func ParseChain(text []byte) (Chain, error) {
	p, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return p.Certificates, p.RequireCertificate()
}

// ParseKey reads the one private key of a PEM text, as Parse does.
func ParseKey(text []byte) (crypto.Signer, error) {
	p, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return p.Private, p.RequireKey()
}

// RequireCertificate returns a Problem if there is no certificate.
func (p Parts) RequireCertificate() error {
	if len(p.Certificates) == 0 {
		return problem("It holds no certificate.")
	}
	return nil
}

// RequireKey returns a Problem if there is no private key.
func (p Parts) RequireKey() error {
	if p.Public == nil {
		return problem("It holds no private key.")
	}
	return nil
}

// Join returns what two texts hold together. What both hold counts once.
func (p Parts) Join(other Parts) (Parts, error) {
	if len(p.Certificates) == 0 && p.Public == nil {
		return other, nil
	}
	joined := Parts{Certificates: slices.Clone(p.Certificates), Public: p.Public, Private: p.Private}
	for _, c := range other.Certificates {
		if !slices.ContainsFunc(joined.Certificates, c.Equal) {
			joined.Certificates = append(joined.Certificates, c)
		}
	}
	if other.Public != nil {
		if p.Public != nil && !EqualKeys(p.Public, other.Public) {
			return Parts{}, problem("It holds another private key than the one that is beside the certificate. Send one of them.")
		}
		joined.Public, joined.Private = other.Public, other.Private
	}
	if err := joined.checkCount(); err != nil {
		return Parts{}, err
	}
	return joined, nil
}

func (p Parts) checkCount() error {
	if len(p.Certificates) > maxCertificates {
		return problem("It holds %d certificates; a chain has at most %d.", len(p.Certificates), maxCertificates)
	}
	return nil
}

// add takes over what a block holds.
func add(p *Parts, b block) error {
	number := len(p.Certificates) + 1
	switch k := kindOf(b.label); {
	case k == kindCertificate && b.fault != "":
		return faulty(fmt.Sprintf("Certificate %d", number), b)
	case k == kindCertificate:
		c, err := parseCertificate(number, b)
		p.Certificates = append(p.Certificates, c)
		return err
	case k == kindKey && b.encrypted:
		return wrongKind(kindEncryptedKey)
	case k == kindKey && b.fault != "":
		return faulty("The private key", b)
	case k == kindKey:
		return addKey(p, b)
	case k == kindParameters && b.isCut():
		return faulty("The block "+b.label, b)
	case k == kindParameters:
		return nil // They say nothing that the key doesn't say, or are about another part of TLS.
	default:
		return wrongKind(k)
	}
}

func addKey(p *Parts, b block) error {
	key, err := parseKey(b)
	if err != nil {
		return err
	}
	if p.Public != nil && !EqualKeys(p.Public, key.Public()) {
		return problem("It holds several private keys. Send the one of the certificate.")
	}
	p.Private, p.Public = key, key.Public()
	return nil
}

// EqualKeys reports whether two public keys are the same.
func EqualKeys(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// faulty says what is wrong with a block, which is called by a name.
func faulty(name string, b block) error {
	return problem("%s %s.", name, strings.Replace(b.fault, "%s", b.label, 1))
}

func parseCertificate(number int, b block) (*x509.Certificate, error) {
	der := b.der
	if strings.HasPrefix(b.label, "TRUSTED ") {
		der = firstOf(der) // What follows is whom its owner trusts, which is none of a server's business.
	}
	c, err := x509.ParseCertificate(der)
	if err == nil {
		return c, nil
	}
	if k := kindOfDER(der); k != kindUnknown {
		return nil, problem("Block %d has the label %s. %s", number, b.label, wrongKind(k))
	}
	reason := quotable(strings.TrimPrefix(err.Error(), "x509: "))
	who := ""
	if subject := subjectIn(der); subject != "" {
		who = " (" + subject + ")"
	}
	return nil, problem("Certificate %d%s can't be read: %s. %s", number, who, reason, remedy(reason))
}

// supportedKeys says which keys a certificate can have.
const supportedKeys = "Use a key that is RSA, ECDSA on P-256, P-384 or P-521, or Ed25519."

// remedy says what to do about a certificate for which a parser gives a reason.
func remedy(reason string) string {
	switch {
	case strings.Contains(reason, "negative serial number"):
		return "Clients and ingress controllers refuse it. Ask its authority for one with a positive serial number."
	case strings.Contains(reason, "elliptic curve"), strings.Contains(reason, "ECDSA parameters"):
		return supportedKeys
	default:
		return "Get it from its authority again."
	}
}

// firstOf returns the first of the structures of ASN.1 in a text.
func firstOf(der []byte) []byte {
	var first asn1.RawValue
	if _, err := asn1.Unmarshal(der, &first); err != nil {
		return der
	}
	return first.FullBytes
}

// subjectIn returns the subject of a certificate that x509 refuses to read; empty if it is damaged before that.
func subjectIn(der []byte) string {
	parts := partsOf(der)
	if len(parts) == 0 {
		return ""
	}
	fields := partsOf(parts[0].FullBytes)
	// Before the subject are the version, which may be missing, the serial number, an algorithm, the issuer and the validity.
	at := 4
	if len(fields) > 0 && bytes.HasPrefix(fields[0].FullBytes, []byte{0xA0}) {
		at++
	}
	if len(fields) <= at {
		return ""
	}
	var subject pkix.RDNSequence
	if _, err := asn1.Unmarshal(fields[at].FullBytes, &subject); err != nil {
		return ""
	}
	return quotable(subject.String())
}

// quotable returns what a message may quote of a name, or of what a parser says.
func quotable(text string) string {
	text = strings.Map(func(char rune) rune {
		if !unicode.IsPrint(char) {
			return ' '
		}
		return char
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxWords {
		return string(runes[:maxWords]) + "…"
	}
	return text
}
