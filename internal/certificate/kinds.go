package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"
)

// kind is what a block, or a file that is not PEM, holds.
type kind int

const (
	kindUnknown kind = iota
	kindCertificate
	kindKey
	kindEncryptedKey
	kindParameters
	kindRequest
	kindPublicKey
	kindRevocations
	kindPKCS7
	kindPKCS12
	kindOpenSSH
	kindKeyStore
	kindArchive
)

// Blocks of PEM.
const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
	blockRequest     = "CERTIFICATE REQUEST"
)

// kinds are what blocks hold by the ends of their labels, of which the first one counts.
var kinds = []struct {
	label string
	kind  kind
}{
	{"OPENSSH " + blockKey, kindOpenSSH},
	{"ENCRYPTED " + blockKey, kindEncryptedKey},
	{blockKey, kindKey},
	{blockRequest, kindRequest},
	{blockCertificate, kindCertificate},
	{"PARAMETERS", kindParameters},
	{"PUBLIC KEY", kindPublicKey},
	{"CRL", kindRevocations},
	{"12", kindPKCS12},
	{"7", kindPKCS7},
	{"CMS", kindPKCS7},
}

// kindOf returns what a block holds by its label.
func kindOf(label string) kind {
	for _, known := range kinds {
		if strings.HasSuffix(label, known.label) {
			return known.kind
		}
	}
	return kindUnknown
}

// kindOfDER returns what a structure of ASN.1 is by what it looks like. The labels of blocks are wrong often enough.
func kindOfDER(der []byte) kind {
	if _, err := parseAnyKey(der); err == nil {
		return kindKey
	}
	if _, err := x509.ParseCertificateRequest(der); err == nil {
		return kindRequest
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return kindPublicKey
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return kindPublicKey
	}
	if _, err := x509.ParseRevocationList(der); err == nil {
		return kindRevocations
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		return kindCertificate
	}
	return kindOfParts(der)
}

var (
	oidPKCS7      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7}
	oidEncryption = []asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 5}, {1, 2, 840, 113549, 1, 12, 1}}
)

// kindOfParts tells structures by their first parts: PKCS #7 begins with its type, an encrypted key with the way in which it is encrypted, and
// anything else with a version.
func kindOfParts(der []byte) kind {
	parts := partsOf(der)
	if len(parts) < 2 {
		return kindUnknown
	}
	if hasPrefix(oidIn(parts[0].FullBytes), oidPKCS7) {
		return kindPKCS7
	}
	var version int
	if _, err := asn1.Unmarshal(parts[0].FullBytes, &version); err == nil {
		return kindOfVersion(version, parts)
	}
	cipher := firstOID(parts[0])
	if len(parts) == 2 && parts[1].Tag == asn1.TagOctetString && slices.ContainsFunc(oidEncryption, func(oid asn1.ObjectIdentifier) bool {
		return hasPrefix(cipher, oid)
	}) {
		return kindEncryptedKey
	}
	return kindUnknown
}

// kindOfVersion tells PKCS #12 and a key of an unknown kind by what follows the version.
func kindOfVersion(version int, parts []asn1.RawValue) kind {
	oid := firstOID(parts[1])
	switch {
	case version == 3 && hasPrefix(oid, oidPKCS7):
		return kindPKCS12
	case oid != nil && len(parts) > 2 && parts[2].Tag == asn1.TagOctetString:
		return kindKey
	default:
		return kindUnknown
	}
}

// firstOID returns the identifier that a SEQUENCE begins with, or nil.
func firstOID(value asn1.RawValue) asn1.ObjectIdentifier {
	if parts := partsOf(value.FullBytes); len(parts) > 0 {
		return oidIn(parts[0].FullBytes)
	}
	return nil
}

// unsupported are kinds of keys that ingress controllers and clients don't support, by their identifier and that of their curve.
var unsupported = map[string]string{
	"1.3.101.110":             "for X25519",
	"1.3.101.111":             "for X448",
	"1.3.101.113":             "for Ed448",
	"1.2.840.10040.4.1":       "for DSA",
	"1.2.840.113549.1.1.10":   "for RSA-PSS alone",
	"1.2.840.113549.1.3.1":    "for Diffie-Hellman",
	"2.16.840.1.101.3.4.3.17": "for ML-DSA",
	"2.16.840.1.101.3.4.3.18": "for ML-DSA",
	"2.16.840.1.101.3.4.3.19": "for ML-DSA",
	"1.2.840.10045.3.1.1":     "on the curve P-192",
	"1.3.132.0.10":            "on the curve secp256k1",
	"1.3.36.3.3.2.8.1.1.7":    "on the curve brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.8":    "on the curve brainpoolP256t1",
	"1.3.36.3.3.2.8.1.1.11":   "on the curve brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.12":   "on the curve brainpoolP384t1",
	"1.3.36.3.3.2.8.1.1.13":   "on the curve brainpoolP512r1",
	"1.3.36.3.3.2.8.1.1.14":   "on the curve brainpoolP512t1",
	"1.2.156.10197.1.301":     "on the curve SM2",
}

// algorithmOf returns which of the kinds that are not supported a private key is of; empty if it is of another kind. Only where its form says its kind
// is it looked at.
func algorithmOf(der []byte) string {
	parts := partsOf(der)
	if len(parts) < 3 {
		return ""
	}
	kinds := partsOf(parts[1].FullBytes) // PKCS #8: the kind, and the curve.
	if len(kinds) == 0 && parts[2].Class == asn1.ClassContextSpecific {
		kinds = partsOf(append([]byte{asn1.TagSequence | 0x20}, parts[2].FullBytes[1:]...)) // SEC 1: the curve.
	}
	for i, part := range kinds {
		if known := unsupported[oidIn(part.FullBytes).String()]; known != "" {
			return known
		}
		if part.Tag == asn1.TagSequence && (i > 0 || len(kinds) == 1) {
			return "on a curve that it describes instead of naming it"
		}
	}
	return ""
}

// partsOf returns the elements of a SEQUENCE.
func partsOf(der []byte) []asn1.RawValue {
	var parts []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		return nil
	}
	return parts
}

func oidIn(der []byte) asn1.ObjectIdentifier {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(der, &oid); err != nil {
		return nil
	}
	return oid
}

func hasPrefix(oid, prefix asn1.ObjectIdentifier) bool {
	return len(oid) > len(prefix) && oid[:len(prefix)].Equal(prefix)
}

// notPEM says what a text is in which no block was found.
func notPEM(text []byte) error {
	switch trimmed := bytes.TrimSpace(text); {
	case len(trimmed) == 0:
		return problem("It is not PEM: it is empty.")
	case bytes.HasPrefix(trimmed, []byte("@")):
		return problem("It begins with @ and is not PEM. To send a file with curl, use --data-urlencode FIELD@FILE.")
	case bytes.HasPrefix(text, []byte{0xFE, 0xED, 0xFE, 0xED}):
		return wrongKind(kindKeyStore)
	case bytes.HasPrefix(text, []byte("PK\x03\x04")), bytes.HasPrefix(text, []byte{0x1F, 0x8B}):
		return wrongKind(kindArchive)
	case bytes.HasPrefix(trimmed, []byte("PuTTY-User-Key-File")):
		return wrongKind(kindOpenSSH)
	}
	der := text
	if decoded, fault := decode(plainText(text)); fault == "" {
		der = decoded
	}
	switch k := kindOfDER(der); k {
	case kindUnknown:
		return problem("It is not PEM: it has no line -----BEGIN %s-----.", blockCertificate)
	case kindCertificate:
		return problem("It is not PEM but DER, the same in binary. Convert the certificate: openssl x509 -inform der -in FILE -out FILE.pem")
	case kindKey:
		return problem("It is not PEM but DER, the same in binary. Convert the private key: openssl pkey -inform der -in FILE -out FILE.pem")
	default:
		return wrongKind(k)
	}
}

// wrongKind says what something is that is neither a certificate nor a private key that can be used, and what to do.
func wrongKind(k kind) error {
	switch k {
	case kindEncryptedKey:
		return problem("The private key is encrypted. Send it without a passphrase: openssl pkey -in FILE -out FILE.pem")
	case kindRequest:
		return problem("It holds a certificate signing request. Send the certificate that an authority issued for it.")
	case kindPublicKey:
		return problem("It holds a public key. Send the certificate, and the private key in ssl_certificate_key or tls.key.")
	case kindRevocations:
		return problem("It holds a certificate revocation list. Leave it out.")
	case kindPKCS7:
		return problem("It is PKCS #7. Convert it to PEM: openssl pkcs7 -in FILE -print_certs -out FILE.pem, with -inform der if it is binary.")
	case kindPKCS12:
		return problem("It is PKCS #12. Convert it to PEM: openssl pkcs12 -in FILE -nodes -out FILE.pem")
	case kindKeyStore:
		return problem("It is a Java key store. Convert it to PKCS #12 with keytool -importkeystore -deststoretype PKCS12, and that to PEM with openssl pkcs12.")
	case kindOpenSSH:
		return problem("It is a key in a format of SSH. Send the private key that the certificate was requested with; " +
			"ssh-keygen -p -m PEM -f FILE converts one in OpenSSH's format.")
	case kindArchive:
		return problem("It is an archive. Unpack it and send the PEM files in it.")
	case kindKey:
		return problem("It holds a private key where a certificate should be.")
	default:
		return problem("It holds a block of an unknown kind. Only blocks with the labels %s and %s are accepted.", blockCertificate, blockKey)
	}
}
