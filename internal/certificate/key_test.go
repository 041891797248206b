package certificate

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

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
