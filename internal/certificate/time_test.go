package certificate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/certificate"
)

func mustECDSA(t *testing.T, signer crypto.Signer) *ecdsa.PrivateKey {
	t.Helper()
	key, ok := signer.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("the key is a %T", signer)
	}
	return key
}

func TestServes(t *testing.T) {
	t.Parallel()
	begin, end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	chain := validFrom(t, begin, end)
	cases := map[string]struct {
		host string
		now  time.Time
		want bool
	}{
		"InTime":      {"www.example.com", begin.Add(time.Hour), true},
		"AtTheEnd":    {"www.example.com", end, true},
		"Ended":       {"www.example.com", end.Add(time.Second), false},
		"NotYet":      {"www.example.com", begin.Add(-time.Second), false},
		"AnotherHost": {"example.com", begin.Add(time.Hour), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := chain.Serves(tc.host, tc.now); got != tc.want {
				t.Errorf("Serves(%s, %s) = %t, want %t", tc.host, tc.now, got, tc.want)
			}
		})
	}
}

func TestNextChange(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	chain := append(validFrom(t, day(5), day(20)), validFrom(t, day(2), day(10))...)
	for now, want := range map[int]int{1: 2, 2: 5, 3: 5, 5: 10, 10: 20, 19: 20} {
		if got := chain.NextChange(day(now)); !got.Equal(day(want)) {
			t.Errorf("NextChange(%s) = %s, want %s", day(now), got, day(want))
		}
	}
	if got := chain.NextChange(day(20)); !got.IsZero() {
		t.Errorf("NextChange after the end = %s, want none", got)
	}
}

// validFrom returns a chain of one certificate.
func validFrom(t *testing.T, begin, end time.Time) certificate.Chain {
	t.Helper()
	text, _, _ := keptPair(t, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = begin, end })
	chain, err := certificate.ParseChain(text)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}
