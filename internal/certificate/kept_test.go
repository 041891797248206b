package certificate_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/certificate"
)

// keptPair makes a certificate that signs itself, and its key.
func keptPair(t *testing.T, change func(*x509.Certificate)) (chain, key []byte, signer crypto.Signer) {
	t.Helper()
	signer, err := certificate.NewKey(certificate.ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"www.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err = certificate.EncodeKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key, signer
}

func TestKeep(t *testing.T) {
	t.Parallel()
	chain, key, signer := keptPair(t, nil)
	kept, err := certificate.Kept(certificate.Keep(chain))
	if err != nil {
		t.Fatal(err)
	}
	keptKey, err := certificate.Kept(certificate.Keep(key))
	if err != nil {
		t.Fatal(err)
	}
	if !kept.Certificates.IsFor(keptKey.Public) || !kept.Certificates.IsFor(signer.Public()) || keptKey.Private != nil {
		t.Error("what was kept of the key is not the chain's public half")
	}
	ec, err := x509.MarshalECPrivateKey(mustECDSA(t, signer))
	if err != nil {
		t.Fatal(err)
	}
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ec})
	if !bytes.Equal(certificate.Keep(sec1), certificate.Keep(key)) || !bytes.Equal(certificate.Keep(key), certificate.KeepKey(signer.Public())) {
		t.Error("two forms of one key are kept as if they were two keys")
	}
	oneLine := []byte(strings.ReplaceAll(string(chain), "\n", " "))
	if !bytes.Equal(certificate.Keep(oneLine), certificate.Keep(chain)) {
		t.Error("two forms of one certificate are kept as if they were two")
	}
}

// Whatever a text is, what is kept of it has no private key, and is kept as it is when it comes again.
func TestKeepIsSafe(t *testing.T) {
	t.Parallel()
	chain, key, signer := keptPair(t, nil)
	_, otherKey, _ := keptPair(t, nil)
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	secret := strings.Split(string(key), "\n")[1]
	join := func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	cases := map[string]struct {
		text []byte
		// certificates and key say what is kept, unless a problem is.
		certificates int
		key          bool
		problem      string
	}{
		"Nothing":           {},
		"Blank":             {text: []byte(" \n")},
		"Garbage":           {text: []byte("nonsense"), problem: "It is not PEM"},
		"Chain":             {text: chain, certificates: 1},
		"Key":               {text: key, key: true},
		"ChainAndKey":       {text: join(chain, key), certificates: 1, key: true},
		"KeyAndChain":       {text: join(key, chain), certificates: 1, key: true},
		"KeyOnOneLine":      {text: bytes.ReplaceAll(key, []byte("\n"), []byte(" ")), key: true},
		"KeyInQuotes":       {text: join([]byte("\""), bytes.ReplaceAll(key, []byte("\n"), []byte("\\n")), []byte("\"")), key: true},
		"KeyAsCertificate":  {text: bytes.ReplaceAll(key, []byte("PRIVATE KEY"), []byte("CERTIFICATE")), problem: "It holds a private key"},
		"KeyWithoutLine":    {text: key[:len(key)/2], problem: "The private key is cut off"},
		"KeyWithoutHyphens": {text: bytes.ReplaceAll(key, []byte("-----\n"), []byte(" ")), key: true},
		"KeyAroundChain":    {text: join([]byte(secret+"\n"), chain, []byte(secret)), certificates: 1},
		"PublicKey":         {text: publicKey, problem: "It holds a public key"},
		"KeptAndKey":        {text: join(certificate.Keep(key), key), problem: "of an unknown kind"},
		"ProblemAndKey":     {text: join(certificate.Keep([]byte("nonsense")), key), problem: "of an unknown kind"},
		"KeyBeforeKept":     {text: join([]byte(secret+"\n"), certificate.Keep(key)), problem: "of an unknown kind"},
		"TwoKeys":           {text: join(key, otherKey), problem: "several private keys"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := certificate.Keep(tc.text)
			got, err := certificate.Kept(kept)
			if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got the problem %v, want %q", err, tc.problem)
			}
			if len(got.Certificates) != tc.certificates || (got.Public != nil) != tc.key {
				t.Errorf("got %d certificates and a key: %t", len(got.Certificates), got.Public != nil)
			}
			if bytes.Contains(kept, []byte(secret)) || bytes.Contains(kept, []byte("PRIVATE KEY")) {
				t.Error("a private key was kept")
			}
			if !bytes.Equal(certificate.Keep(kept), kept) {
				t.Error("what was kept is something else when it is kept again")
			}
		})
	}
}
