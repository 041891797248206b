package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"slices"
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
		nil, []byte(strings.ReplaceAll(string(chain), "\n", "\\n")), bytes.ReplaceAll(chain, []byte("+"), []byte(" ")), der, chain,
		append(bytes.Clone(chain), chain...), append([]byte("subject=a\n"), chain...), chain[:len(chain)/2],
		pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}),
		pem.EncodeToMemory(&pem.Block{Type: blockKey, Headers: map[string]string{"DEK-Info": "a"}, Bytes: pkcs8}),
		pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: blockProblem, Bytes: []byte("a")}),
	}
	for _, form := range forms {
		seeds = append(seeds, []byte(form(string(chain))))
	}
	return append(seeds, append(bytes.Clone(chain), pemOf(blockKey, pkcs8)...))
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

// FuzzParse says that what can be read can be written and kept, and that what can't is told in plain text and never kept.
func FuzzParse(f *testing.F) {
	for _, seed := range pemSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := Keep(text)
		if !bytes.Equal(Keep(kept), kept) {
			t.Errorf("kept again, %q is %q", kept, Keep(kept))
		}
		if bytes.Contains(kept, []byte("PRIVATE KEY-----\n")) {
			t.Error("a private key is kept")
		}
		p, err := Parse(text)
		if err != nil {
			checkSaid(t, err, text)
			if len(p.Certificates) > 0 || p.Private != nil {
				t.Error("what is refused is returned")
			}
			return
		}
		keptParts, keptErr := Kept(kept)
		if keptErr != nil || !keptParts.Certificates.Equal(p.Certificates) || p.Public != nil && !EqualKeys(keptParts.Public, p.Public) {
			t.Errorf("kept it isn't the same: %v", keptErr)
		}
		written := p.Certificates.PEM()
		if p.Private != nil {
			key, err := EncodeKey(p.Private)
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, key...)
		}
		again, err := Parse(written)
		if err != nil || !again.Certificates.Equal(p.Certificates) || p.Public != nil && !EqualKeys(again.Public, p.Public) {
			t.Errorf("written it isn't the same: %v", err)
		}
		if _, err := p.Certificates.Arrange(host, p.Public, now); len(p.Certificates) > 0 && err != nil {
			checkSaid(t, err, text)
		}
		if sorted := p.Certificates.Sorted(host); len(sorted) > len(p.Certificates) {
			t.Error("there are more certificates when they are sorted")
		}
	})
}

// FuzzForms says that a text has the same content in each form in which people send it.
func FuzzForms(f *testing.F) {
	f.Add(uint8(0), []byte("a"))
	names := slices.Sorted(maps.Keys(forms))
	f.Fuzz(func(t *testing.T, form uint8, content []byte) {
		if len(content) > 4<<10 {
			return
		}
		der, err := asn1.Marshal([][]byte{content, content})
		if err != nil {
			t.Fatal(err)
		}
		name := names[int(form)%len(names)]
		blocks := scan(plainText([]byte(forms[name](string(pemOf(blockKey, der))))))
		if name == "Base64" || name == "Base64Wrapped" {
			return // Parse undoes it.
		}
		if len(blocks) == 1 && blocks[0].fault == faultForm && strings.HasPrefix(name, "Form") {
			return // It has two meanings.
		}
		if len(blocks) != 1 || blocks[0].fault != "" || !bytes.Equal(blocks[0].der, der) {
			t.Errorf("%s: %d blocks, %+v", name, len(blocks), blocks)
		}
	})
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
