package certificate

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A request for several hosts names each of them, and the first one twice, unless it is too long for a common name.
func TestSharedRequest(t *testing.T) {
	t.Parallel()
	key, err := NewKey(ECDSA)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", maxCommonName-len(".example.com")+1) + ".example.com"
	cases := map[string]struct {
		host   string
		others []string
		common string
	}{
		"alone":   {host: "example.com", common: "example.com"},
		"several": {host: "example.com", others: []string{"www.example.com", "shop.example.com"}, common: "example.com"},
		"long":    {host: long, others: []string{"www.example.com"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := NewRequest(key, tc.host, tc.others...)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(text)
			request, err := x509.ParseCertificateRequest(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			if err := request.CheckSignature(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(append([]string{tc.host}, tc.others...), request.DNSNames); diff != "" || request.Subject.CommonName != tc.common {
				t.Errorf("common name %q, DNS names (-want +got):\n%s", request.Subject.CommonName, diff)
			}
		})
	}
}
