package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(long)})
	sec1DER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1DER})
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	certificate := issue(t, nil, nil)
	cases := map[string]struct {
		text []byte
		key  crypto.Signer
		want string
	}{
		"PKCS8":          {text: encode(t, ec), key: ec},
		"PKCS1":          {text: pkcs1, key: long},
		"SEC1":           {text: sec1, key: ec},
		"WithParameters": {text: append(bytes.Clone(parameters), sec1...), key: ec},
		"Ed25519":        {text: encode(t, ed), key: ed},
		"Empty":          {want: "not PEM"},
		"CutOff":         {text: sec1[:60], want: "cut off"},
		"Three":          {text: bytes.Repeat(sec1, 3), want: "3 blocks"},
		"Certificate":    {text: (Chain{certificate.Certificate}).PEM(), want: `a block "CERTIFICATE"`},
		"Damaged":        {text: pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: sec1DER[:20]}), want: "damaged"},
		"Encrypted":      {text: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sec1DER}), want: "encrypted"},
		"OldEncryption": {
			text: pem.EncodeToMemory(&pem.Block{
				Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: sec1DER,
			}),
			want: "encrypted",
		},
		"ShortRSA": {text: encode(t, weakKey(t)), want: "1024 bits"},
		"TooLong":  {text: bytes.Repeat([]byte("x"), 1<<20), want: "1048576 bytes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseKey(tc.text)
			wantProblem(t, err, tc.want)
			if tc.want == "" && !(Chain{{PublicKey: tc.key.Public()}}).IsFor(got.Public()) {
				t.Error("got another key")
			}
		})
	}
}

func TestNewRequest(t *testing.T) {
	long := strings.Repeat("a.", 40) + "example.com"
	cases := map[string]struct {
		algorithm  Algorithm
		host       string
		commonName string
		public     x509.PublicKeyAlgorithm
	}{
		"RSA":      {algorithm: RSA, host: host, commonName: host, public: x509.RSA},
		"ECDSA":    {algorithm: ECDSA, host: host, commonName: host, public: x509.ECDSA},
		"LongHost": {algorithm: ECDSA, host: long, public: x509.ECDSA},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, err := NewKey(tc.algorithm)
			if err != nil {
				t.Fatal(err)
			}
			text, err := NewRequest(key, tc.host)
			if err != nil {
				t.Fatal(err)
			}
			block, rest := pem.Decode(text)
			if block == nil || len(rest) > 0 {
				t.Fatalf("not one block of PEM: %s", text)
			}
			request, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.CheckSignature(); err != nil {
				t.Error(err)
			}
			if request.Subject.CommonName != tc.commonName || len(request.DNSNames) != 1 || request.DNSNames[0] != tc.host || request.PublicKeyAlgorithm != tc.public {
				t.Errorf("got a request of %q for %q by %s", request.Subject.CommonName, request.DNSNames, request.PublicKeyAlgorithm)
			}
		})
	}
	if _, err := NewKey("dsa"); err == nil {
		t.Error("NewKey made a key of an unknown algorithm")
	}
}
