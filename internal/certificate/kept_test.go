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
	keptChain, err := certificate.KeptChain(certificate.KeepChain(chain))
	if err != nil {
		t.Fatal(err)
	}
	public, err := certificate.KeptKey(certificate.KeepKey(key))
	if err != nil {
		t.Fatal(err)
	}
	if !keptChain.IsFor(public) || !keptChain.IsFor(signer.Public()) {
		t.Error("what was kept of the key is not the chain's")
	}
	ec, err := x509.MarshalECPrivateKey(mustECDSA(t, signer))
	if err != nil {
		t.Fatal(err)
	}
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ec})
	if !bytes.Equal(certificate.KeepKey(sec1), certificate.KeepKey(key)) {
		t.Error("two forms of one key are kept as if they were two keys")
	}
}

// Whatever a text is, what is kept of it has no private key, and is kept as it is when it comes again.
func TestKeepIsSafe(t *testing.T) {
	t.Parallel()
	chain, key, signer := keptPair(t, nil)
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	secret := strings.Split(string(key), "\n")[1]
	join := func(texts ...[]byte) []byte { return bytes.Join(texts, nil) }
	cases := map[string]struct {
		text []byte
		// chain and key are what is wrong when the text stands for the one or the other; empty: nothing.
		chain, key string
	}{
		"Nothing":        {nil, "It is not PEM", "It is not PEM"},
		"Garbage":        {[]byte("nonsense"), "It is not PEM", "It is not PEM"},
		"Chain":          {chain, "", "one private key is wanted"},
		"Key":            {key, "It holds a block", ""},
		"ChainAndKey":    {join(chain, key), "It holds a block", "It holds 2 blocks"},
		"KeyAroundChain": {join([]byte(secret+"\n"), chain, []byte(secret)), "", "one private key is wanted"},
		"PublicKey":      {publicKey, "It holds a block", "one private key is wanted"},
		"KeptAndKey":     {join(certificate.KeepKey(key), key), "It holds a block", "It holds 2 blocks"},
		"ProblemAndKey":  {join(certificate.KeepKey(nil), key), "It holds a block", "It holds 2 blocks"},
		"KeyBeforeKept":  {join([]byte(secret+"\n"), certificate.KeepKey(key)), "It holds a block", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := certificate.KeepChain(tc.text)
			_, err := certificate.KeptChain(kept)
			expectProblem(t, "chain", err, tc.chain)
			keptKey := certificate.KeepKey(tc.text)
			_, err = certificate.KeptKey(keptKey)
			expectProblem(t, "key", err, tc.key)
			if bytes.Contains(join(kept, keptKey), []byte(secret)) {
				t.Error("a private key was kept")
			}
			if !bytes.Equal(certificate.KeepChain(kept), kept) || !bytes.Equal(certificate.KeepKey(keptKey), keptKey) {
				t.Error("what was kept is something else when it is kept again")
			}
		})
	}
}

func TestKeptNothing(t *testing.T) {
	t.Parallel()
	_, err := certificate.KeptChain(nil)
	expectProblem(t, "chain", err, "There is no certificate.")
	_, err = certificate.KeptKey(nil)
	expectProblem(t, "key", err, "There is no private key.")
}

func expectProblem(t *testing.T, of string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got the problem %v, want %q", of, err, want)
	}
}
