package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"
)

// pemSeeds are texts to begin with: a certificate and its key, in several forms, with what may stand around them.
func pemSeeds(f *testing.F) [][]byte {
	f.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: now, NotAfter: now}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der})
	seeds := [][]byte{
		nil, chain, append(bytes.Clone(chain), chain...), append([]byte("subject=a\n"), chain...), chain[:len(chain)/2],
		pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}),
		pem.EncodeToMemory(&pem.Block{Type: blockKey, Headers: map[string]string{"DEK-Info": "a"}, Bytes: pkcs8}),
		pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: blockProblem, Bytes: []byte("a")}),
	}
	return append(seeds, append(bytes.Clone(chain), seeds[5]...))
}

// checkSaid fails the test unless an error is a Problem in plain text that quotes nothing of a block.
func checkSaid(t *testing.T, err error, text []byte) {
	t.Helper()
	p, ok := errors.AsType[Problem](err)
	if !ok || p.Error() == "" || !utf8.ValidString(p.Error()) {
		t.Fatalf("got %v, want a Problem in plain text", err)
	}
	const few = 24
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		encoded := base64.StdEncoding.EncodeToString(block.Bytes)
		if len(encoded) >= few && strings.Contains(p.Error(), encoded[:few]) {
			t.Error("it quotes what it is about")
		}
	}
}

// FuzzParseChain says that a chain that can be read can be written and kept, and that what can't is told in plain text and never kept.
func FuzzParseChain(f *testing.F) {
	for _, seed := range pemSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := KeepChain(text)
		if !bytes.Equal(KeepChain(kept), kept) {
			t.Errorf("kept again, %q is %q", kept, KeepChain(kept))
		}
		if bytes.Contains(kept, []byte("PRIVATE KEY-----")) {
			t.Error("a private key is kept")
		}
		keptChain, keptErr := KeptChain(kept)
		chain, err := ParseChain(text)
		if err != nil {
			checkSaid(t, err, text)
			if _, ok := only(text, blockProblem); !ok && (keptErr == nil || keptErr.Error() != err.Error()) {
				t.Errorf("what was kept says %v, and the text %v", keptErr, err)
			}
			return
		}
		again, err := ParseChain(chain.PEM())
		if err != nil || !again.Equal(chain) || keptErr != nil || !keptChain.Equal(chain) {
			t.Errorf("written and kept it isn't the same: %v, %v", err, keptErr)
		}
		if err := chain.Check(host, now); err != nil {
			checkSaid(t, err, text)
		}
	})
}

// FuzzParseKey says that a key that can be read can be written, and that only its public half is kept.
func FuzzParseKey(f *testing.F) {
	for _, seed := range pemSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := KeepKey(text)
		if !bytes.Equal(KeepKey(kept), kept) {
			t.Error("kept again, it is not the same")
		}
		public, keptErr := KeptKey(kept)
		key, err := ParseKey(text)
		if err != nil {
			checkSaid(t, err, text)
			return
		}
		encoded, err := EncodeKey(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKey(encoded)
		if err != nil || !samePublic(again.Public(), key.Public()) {
			t.Errorf("written it isn't the same key: %v", err)
		}
		if keptErr != nil || !samePublic(public, key.Public()) {
			t.Errorf("what is kept isn't its public half: %v", keptErr)
		}
		if _, err := ParseKey(kept); err == nil {
			t.Error("what is kept is a private key")
		}
	})
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// FuzzNewRequest says that a request can be made for every host that a Domain may have, and names it.
func FuzzNewRequest(f *testing.F) {
	f.Add("www.example.com")
	f.Add(strings.Repeat("a", 63) + "." + strings.Repeat("b", 63))
	key, err := NewKey(ECDSA)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-.", r) }) {
			return
		}
		text, err := NewRequest(key, name)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || name != "" && (len(request.DNSNames) != 1 || request.DNSNames[0] != name) {
			t.Errorf("the request for %q is for %v, %v", name, request, err)
		}
	})
}
