package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
)

func sec1(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("the key is a %T", key)
	}
	der, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// curveP256 is the name of the curve, as `openssl ecparam -genkey` writes it before a key.
var curveP256 = []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}

// A key is the same whatever its label says and whatever is beside it.
func TestParseKeyForms(t *testing.T) {
	leaf := issue(t, nil, nil)
	long := mustKey(rsa.GenerateKey(rand.Reader, minRSA))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, ok := long.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("the key is a %T", long)
	}
	join := func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	ders := map[string]struct {
		key crypto.Signer
		der []byte
	}{
		"PKCS8RSA": {long, pkcs8(t, long)}, "PKCS1": {long, x509.MarshalPKCS1PrivateKey(rsaKey)},
		"PKCS8EC": {leaf.key, pkcs8(t, leaf.key)}, "SEC1": {leaf.key, sec1(t, leaf.key)}, "Ed25519": {ed, pkcs8(t, ed)},
	}
	for name, tc := range ders {
		for _, of := range []string{"", "RSA ", "EC ", "ECDSA ", "ED25519 ", "ANY ", "DSA "} {
			label := of + "PRIVATE KEY"
			text := pemOf(label, tc.der)
			for place, beside := range map[string][]byte{
				"Alone": text, "BehindParameters": join(pemOf("EC PARAMETERS", curveP256), text),
				"BeforeParameters": join(text, pemOf("DH PARAMETERS", []byte{48, 0})),
				"Twice":            join(text, text), "InBothForms": join(text, encode(t, tc.key)), "BehindCertificate": join(chainOf(leaf).PEM(), text),
			} {
				got, err := ParseKey(beside)
				if err != nil || !EqualKeys(tc.key.Public(), got.Public()) {
					t.Errorf("%s as %s, %s: %v", name, label, place, err)
				}
			}
		}
	}
}

func TestParseLabels(t *testing.T) {
	leaf := issue(t, nil, nil)
	trust := []byte{0x30, 0x0c, 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01}
	for label, der := range map[string][]byte{
		"CERTIFICATE": leaf.Raw, "X509 CERTIFICATE": leaf.Raw, "TRUSTED CERTIFICATE": append(bytes.Clone(leaf.Raw), trust...),
	} {
		got, err := ParseChain(pemOf(label, der))
		if err != nil || !got.Equal(chainOf(leaf)) {
			t.Errorf("%s: got %q, %v", label, subjects(got), err)
		}
	}
}

// What cannot be used is named: the block, what it is, and what to do.
func TestParseRefuses(t *testing.T) {
	root := authority(t, nil, "root")
	leaf := issue(t, root, nil)
	chain, key := chainOf(leaf, root).PEM(), encode(t, leaf.key)
	first, second := chainOf(leaf).PEM(), chainOf(root).PEM()
	public, err := x509.MarshalPKIXPublicKey(leaf.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	request, err := NewRequest(leaf.key, host)
	if err != nil {
		t.Fatal(err)
	}
	issuer := *root.Certificate
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1)}, &issuer, root.key)
	if err != nil {
		t.Fatal(err)
	}
	join := func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	lines := func(text []byte, change func([]string) []string) []byte {
		return []byte(strings.Join(change(strings.SplitAfter(string(text), "\n")), ""))
	}
	encrypted := mustMarshal(t, []any{[]any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, []any{}}, []byte("nothing")})
	pkcs7 := mustMarshal(t, []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, []any{}})
	pkcs12 := mustMarshal(t, []any{3, []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, []any{}}, []any{}})
	cases := map[string]struct {
		text []byte
		want string
	}{
		"Empty":         {nil, "It is not PEM: it is empty."},
		"Nonsense":      {[]byte("nonsense"), "It is not PEM"},
		"CurlWithoutIt": {[]byte("@chain.pem"), "--data-urlencode"},
		"TooLong":       {bytes.Repeat([]byte("x"), 1<<20), "1048576 bytes"},
		"TooMany":       {bytes.Repeat(first, maxCertificates+1), "11 certificates"},
		"CutOff":        {chain[:len(chain)-40], "Certificate 2 is cut off: the line -----END CERTIFICATE----- is missing."},
		"CutOffFirst":   {chain[:100], "Certificate 1 is cut off: the line -----END CERTIFICATE----- is missing."},
		"NoEndBetween": {
			join(lines(first, func(l []string) []string { return l[:len(l)-2] }), second), "Certificate 1 is cut off: the line -----END CERTIFICATE----- is missing.",
		},
		"NoBegin": {lines(first, func(l []string) []string { return l[1:] }), "Certificate 1 is cut off: the line -----BEGIN CERTIFICATE----- is missing."},
		"LineMissing": {
			join(first, lines(second, func(l []string) []string { return append(l[:2:2], l[3:]...) })), "Certificate 2 is damaged: characters are missing",
		},
		"NotBase64":    {join(first, bytes.Replace(second, []byte("M"), []byte("?"), 1)), "Certificate 2 is damaged: it has characters that are not base64"},
		"EllipsisInIt": {bytes.Replace(first, []byte("\nM"), []byte("\n…\nM"), 1), "Certificate 1 is damaged: it has characters that are not base64"},
		"FormInDoubt": {
			bytes.ReplaceAll(bytes.Replace(chainWithPlus(t), []byte("+"), []byte("  "), 1), []byte("+"), []byte(" ")),
			"--data-urlencode",
		},
		"FirstDamaged": {join(pemOf(blockCertificate, leaf.Raw[:99]), second), "Certificate 1 is damaged"},
		"Flipped":      {join(pemOf(blockCertificate, flipped(leaf.Raw)), second), "Certificate 1 (CN=www.example.com) can't be read: "},
		"KeyCutOff":    {join(chain, key[:len(key)-40]), "The private key is cut off: the line -----END PRIVATE KEY----- is missing."},
		"KeyDamaged":   {pemOf(blockKey, sec1(t, leaf.key)[:20]), "The private key is damaged"},
		"KeyUnknown":   {pemOf(blockKey, mustMarshal(t, []any{1, "key"})), "The private key can't be read: it is damaged or of an unknown kind."},
		"TwoKeys":      {join(key, encode(t, root.key)), "several private keys"},
		"ShortRSA":     {encode(t, weakKey(t)), "1024 bits"},
		"HugeKey":      {pemOf(blockKey, mustMarshal(t, []any{make([]byte, 13<<10)})), "larger than any"},
		"Request":      {request, "It holds a certificate signing request. Send the certificate that an authority issued for it."},
		"NewRequest":   {bytes.ReplaceAll(request, []byte("CERTIFICATE REQUEST"), []byte("NEW CERTIFICATE REQUEST")), "It holds a certificate signing request."},
		"RequestAsCertificate": {
			bytes.ReplaceAll(request, []byte("CERTIFICATE REQUEST"), []byte("CERTIFICATE")), "It holds a certificate signing request.",
		},
		"PublicKey":        {pemOf("PUBLIC KEY", public), "It holds a public key."},
		"PublicKeyAsKey":   {pemOf("PRIVATE KEY", public), "It holds a public key."},
		"KeyAsCertificate": {pemOf("CERTIFICATE", pkcs8(t, leaf.key)), "It holds a private key where a certificate should be."},
		"CertificateAsKey": {pemOf("PRIVATE KEY", leaf.Raw), "holds a certificate instead of a private key"},
		"RevocationList":   {join(chain, pemOf("X509 CRL", list)), "It holds a certificate revocation list."},
		"EncryptedKey":     {pemOf("ENCRYPTED PRIVATE KEY", encrypted), "The private key is encrypted. Send it without a passphrase: openssl pkey"},
		"EncryptedAsKey":   {pemOf("PRIVATE KEY", encrypted), "The private key is encrypted."},
		"OldEncryption": {
			[]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"),
			"The private key is encrypted.",
		},
		"OldEncryptionOneLine": {
			[]byte("-----BEGIN RSA PRIVATE KEY----- Proc-Type: 4,ENCRYPTED DEK-Info: AES-256-CBC,00  AAAA -----END RSA PRIVATE KEY-----"),
			"The private key is encrypted.",
		},
		"OpenSSH":            {pemOf("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00none")), "ssh-keygen -p -m PEM"},
		"PuTTY":              {[]byte("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n"), "format of SSH"},
		"PKCS7":              {pemOf("PKCS7", pkcs7), "openssl pkcs7"},
		"PKCS7AsCertificate": {pemOf("CERTIFICATE", pkcs7), "openssl pkcs7"},
		"CMS":                {pemOf("CMS", pkcs7), "openssl pkcs7"},
		"PKCS7Binary":        {pkcs7, "openssl pkcs7"},
		"PKCS12":             {pkcs12, "openssl pkcs12"},
		"PKCS12AsPEM":        {pemOf("PKCS12", pkcs12), "openssl pkcs12"},
		"KeyStore":           {[]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), "keytool"},
		"Zip":                {[]byte("PK\x03\x04\x14\x00"), "archive"},
		"DER":                {leaf.Raw, "openssl x509 -inform der"},
		"DERKey":             {pkcs8(t, leaf.key), "openssl pkey -inform der"},
		"Base64WithoutLines": {[]byte(strings.Join(strings.Split(string(first), "\n")[1:5], "\n")), "It is not PEM: it has no line -----BEGIN"},
		"Unknown":            {join(chain, pemOf("PGP MESSAGE", []byte("hello"))), "It holds a block of an unknown kind."},
		"Kept":               {pemOf(blockPublic, public), "It holds a block of an unknown kind."},
		"LabelWithKey":       {bytes.ReplaceAll(key, []byte("PRIVATE KEY-----\n"), []byte("PRIVATE ")), "It holds a block of an unknown kind."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := Parse(tc.text)
			wantProblem(t, err, tc.want)
			if len(p.Certificates) > 0 || p.Private != nil {
				t.Error("Parse returns what it refuses")
			}
			if err != nil {
				checkSaid(t, err, tc.text)
			}
		})
	}
}

func mustMarshal(t *testing.T, value any) []byte {
	t.Helper()
	switch v := value.(type) {
	case []any:
		var inner []byte
		for _, part := range v {
			inner = append(inner, mustMarshal(t, part)...)
		}
		value = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: inner}
	case tagged:
		value = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: v.tag, IsCompound: true, Bytes: mustMarshal(t, v.value)}
	default:
	}
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// flipped returns a certificate with a field of an unknown form.
func flipped(der []byte) []byte {
	der = bytes.Clone(der)
	at := bytes.Index(der, []byte{0x55, 0x1d, 0x11}) // The alternative names.
	der[at+5] ^= 0xFF
	return der
}

func chainWithPlus(t *testing.T) []byte {
	t.Helper()
	chain, _, _ := withPlusSigns(t)
	return chain.PEM()
}

// Keys that no ingress controller supports are named.
func TestParseUnsupportedKeys(t *testing.T) {
	oid := func(text string) asn1.ObjectIdentifier {
		var oid asn1.ObjectIdentifier
		for number := range strings.SplitSeq(text, ".") {
			n, ok := new(big.Int).SetString(number, 10)
			if !ok {
				t.Fatalf("%q is not a number", number)
			}
			oid = append(oid, int(n.Int64()))
		}
		return oid
	}
	ecOID := oid("1.2.840.10045.2.1")
	secret := bytes.Repeat([]byte{0xA7}, 32)
	named := func(curve asn1.ObjectIdentifier) []byte {
		der := mustMarshal(t, curve)
		return append([]byte{0xA0, byte(len(der))}, der...)
	}
	sec1Of := func(curve asn1.ObjectIdentifier) []byte {
		return mustMarshal(t, []any{1, secret, asn1.RawValue{FullBytes: named(curve)}})
	}
	parameters := mustMarshal(t, []any{1, []any{ecOID, 7}})
	cases := map[string]struct {
		text []byte
		want string
	}{
		"Ed448":         {pemOf(blockKey, mustMarshal(t, []any{0, []any{oid("1.3.101.113")}, secret})), "for Ed448"},
		"X25519":        {pemOf(blockKey, mustMarshal(t, []any{0, []any{oid("1.3.101.110")}, mustMarshal(t, secret)})), "of a kind that can't sign"},
		"secp256k1":     {pemOf(blockKey, mustMarshal(t, []any{0, []any{ecOID, oid("1.3.132.0.10")}, sec1Of(oid("1.3.132.0.10"))})), "on the curve secp256k1"},
		"secp256k1SEC1": {pemOf("EC PRIVATE KEY", sec1Of(oid("1.3.132.0.10"))), "on the curve secp256k1"},
		"brainpool":     {pemOf("EC PRIVATE KEY", sec1Of(oid("1.3.36.3.3.2.8.1.1.7"))), "on the curve brainpoolP256r1"},
		"ExplicitCurve": {
			pemOf(blockKey, mustMarshal(t, []any{0, []any{ecOID, []any{1, []any{ecOID, 7}}}, secret})),
			"on a curve that it describes instead of naming it",
		},
		"ExplicitSEC1": {
			pemOf("EC PRIVATE KEY", mustMarshal(t, []any{1, secret, asn1.RawValue{FullBytes: append([]byte{0xA0, byte(len(parameters))}, parameters...)}})),
			"on a curve that it describes",
		},
		"RSAPSS":          {pemOf(blockKey, mustMarshal(t, []any{0, []any{oid("1.2.840.113549.1.1.10"), asn1.NullRawValue}, secret})), "for RSA-PSS alone"},
		"DSA":             {pemOf(blockKey, mustMarshal(t, []any{0, []any{oid("1.2.840.10040.4.1"), []any{1, 2, 3}}, secret})), "for DSA"},
		"DSATraditional":  {pemOf("DSA PRIVATE KEY", mustMarshal(t, []any{0, 1, 2, 3, 4, 5})), "for DSA"},
		"SomethingUnseen": {pemOf(blockKey, mustMarshal(t, []any{0, []any{oid("1.2.3.4")}, secret})), "of an unknown kind"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseKey(tc.text)
			wantProblem(t, err, tc.want)
			wantProblem(t, err, "Use a key that is RSA, ECDSA on P-256, P-384 or P-521, or Ed25519.")
			checkSaid(t, err, tc.text)
		})
	}
}
