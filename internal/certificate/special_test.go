package certificate

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // For SHA-224.
	_ "crypto/sha3"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// signature is how a certificate is signed, in ways that x509 doesn't know.
type signature struct {
	algorithm []any
	hash      crypto.Hash
	// pss are the options of RSA-PSS; nil for PKCS #1.
	pss *rsa.PSSOptions
}

var (
	sha224 = signature{algorithm: []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 14}, asn1.NullRawValue}, hash: crypto.SHA224}
	sha3   = signature{algorithm: []any{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 14}, asn1.NullRawValue}, hash: crypto.SHA3_256}
)

// pss is RSA-PSS with SHA-256 and a salt of some length.
func pss(salt int) signature {
	hash := []any{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}
	mask := []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}, hash}
	parameters := []any{tagged{0, hash}, tagged{1, mask}, tagged{2, salt}}
	return signature{
		algorithm: []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, parameters},
		hash:      crypto.SHA256, pss: &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256},
	}
}

// tagged is a value of ASN.1 with an explicit tag.
type tagged struct {
	tag   int
	value any
}

// Fields of a certificate of version 3.
const (
	fieldSerial    = 1
	fieldAlgorithm = 2
	fieldPublicKey = 6
)

// resign returns a certificate with other fields, signed in another way.
func resign(t *testing.T, c, by *issued, how signature, fields map[int]any) []byte {
	t.Helper()
	key, ok := by.key.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("the authority's key is a %T", by.key)
	}
	var signed []any
	for i, part := range partsOf(c.RawTBSCertificate) {
		signed = append(signed, asn1.RawValue{FullBytes: part.FullBytes})
		if i == fieldAlgorithm {
			signed[i] = how.algorithm
		}
		if field, ok := fields[i]; ok {
			signed[i] = field
		}
	}
	tbs := mustMarshal(t, signed)
	digest := how.hash.New()
	digest.Write(tbs)
	var options crypto.SignerOpts = how.hash
	if how.pss != nil {
		options = how.pss
	}
	value, err := key.Sign(rand.Reader, digest.Sum(nil), options)
	if err != nil {
		t.Fatal(err)
	}
	return mustMarshal(t, []any{asn1.RawValue{FullBytes: tbs}, how.algorithm, asn1.BitString{Bytes: value, BitLength: len(value) * 8}})
}

// rsaAuthority returns an authority with an RSA key.
func rsaAuthority(t *testing.T, name string) *issued {
	t.Helper()
	return issue(t, nil, func(c *x509.Certificate, key *crypto.Signer) {
		c.Subject.CommonName, c.DNSNames, c.IsCA, c.KeyUsage = name, nil, true, x509.KeyUsageCertSign
		*key = mustKey(rsa.GenerateKey(rand.Reader, minRSA))
	})
}

// Signatures that Go doesn't know are taken for true by names and key identifiers, as openssl says too.
func TestUncommonSignatures(t *testing.T) {
	root, namesake := rsaAuthority(t, "Firm CA"), rsaAuthority(t, "Firm CA")
	leaf := issue(t, root, nil)
	for name, how := range map[string]signature{"SHA224": sha224, "SHA3": sha3, "PSS20": pss(20), "PSS32": pss(32)} {
		t.Run(name, func(t *testing.T) {
			der := resign(t, leaf, root, how, nil)
			chain, err := ParseChain(append(pemOf(blockCertificate, der), chainOf(root).PEM()...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Chain{chain[1], chain[0]}.Arrange(host, leaf.key.Public(), now)
			if err != nil || !got.Equal(chain) {
				t.Errorf("Arrange: got %q, %v", subjects(got), err)
			}
			_, err = Chain{chain[0], namesake.Certificate}.Arrange(host, nil, now)
			wantProblem(t, err, "Certificate 2 (CN=Firm CA) has the name of the issuer of certificate 1 (CN=www.example.com), but did not sign it")
			if !hasOpenSSL() {
				return
			}
			dir := t.TempDir()
			for name, text := range map[string][]byte{"leaf.pem": chain[:1].PEM(), "root.pem": chain[1:].PEM()} {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			openSSL(t, dir, "verify", "-CAfile", "root.pem", "-attime", strconv.FormatInt(now.Unix(), 10), "leaf.pem")
		})
	}
}

// Other keys and versions that are in use.
func TestUncommonChains(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, nil, func(c *x509.Certificate, key *crypto.Signer) {
		c.Subject.CommonName, c.DNSNames, c.IsCA, c.KeyUsage, *key = "root", nil, true, x509.KeyUsageCertSign, ed
	})
	leaf := issue(t, root, func(_ *x509.Certificate, key *crypto.Signer) { *key = ed })
	got, err := chainOf(root, leaf).Arrange(host, ed.Public(), now)
	if err != nil || !got.Equal(chainOf(leaf, root)) {
		t.Errorf("Ed25519: got %q, %v", subjects(got), err)
	}
	verify(t, got, root.Certificate)
}

// What x509 doesn't read is told in its words, with the certificate's subject.
func TestUnreadableCertificates(t *testing.T) {
	root := rsaAuthority(t, "Firm CA")
	leaf := issue(t, root, nil)
	ec := asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	point := asn1.BitString{Bytes: append([]byte{4}, make([]byte, 64)...), BitLength: 65 * 8}
	curve := func(oid ...int) map[int]any {
		return map[int]any{fieldPublicKey: []any{[]any{ec, asn1.ObjectIdentifier(oid)}, point}}
	}
	sha256 := signature{algorithm: []any{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.NullRawValue}, hash: crypto.SHA256}
	cases := map[string]struct {
		fields map[int]any
		want   string
	}{
		"NegativeSerial": {
			map[int]any{fieldSerial: -5}, "negative serial number. Clients and ingress controllers refuse it. Ask its authority for one with a positive",
		},
		"secp256k1":     {curve(1, 3, 132, 0, 10), "unsupported elliptic curve. Use a key that is RSA, ECDSA on P-256, P-384 or P-521, or Ed25519."},
		"brainpool":     {curve(1, 3, 36, 3, 3, 2, 8, 1, 1, 7), "unsupported elliptic curve. Use a key"},
		"ExplicitCurve": {map[int]any{fieldPublicKey: []any{[]any{ec, []any{1, 2}}, point}}, "invalid ECDSA parameters. Use a key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text := append(chainOf(root).PEM(), pemOf(blockCertificate, resign(t, leaf, root, sha256, tc.fields))...)
			_, err := Parse(text)
			wantProblem(t, err, "Certificate 2 (CN=www.example.com) can't be read: "+tc.want)
		})
	}
	ed448 := map[int]any{fieldPublicKey: []any{[]any{asn1.ObjectIdentifier{1, 3, 101, 113}}, point}}
	chain, err := ParseChain(pemOf(blockCertificate, resign(t, leaf, root, sha256, ed448)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = chain.Arrange(host, nil, now)
	wantProblem(t, err, "Certificate 1 (CN=www.example.com): The key is of a kind that is not supported. Use a key that is")
	zero, err := ParseChain(pemOf(blockCertificate, resign(t, leaf, root, sha256, map[int]any{fieldSerial: 0})))
	if err != nil || len(zero) != 1 {
		t.Errorf("a serial number of 0: %v", err)
	}
}
