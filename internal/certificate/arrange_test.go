package certificate

import (
	"crypto"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// authorities are certificates of one hierarchy: two roots, of which one has signed the other as well, and what they have signed.
type authorities struct {
	oldRoot, root, crossed, middle, inner, leaf *issued
}

// crossSign returns a certificate of an authority's name and key that another one has signed.
func crossSign(t *testing.T, of, by *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	return issue(t, by, func(c *x509.Certificate, key *crypto.Signer) {
		c.Subject, c.DNSNames, *key = of.Subject, nil, of.key
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		change(c)
	})
}

func expire(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = now.Add(-2*time.Hour), now.Add(-time.Hour)
}

func newAuthorities(t *testing.T) authorities {
	t.Helper()
	a := authorities{oldRoot: authority(t, nil, "old root"), root: authority(t, nil, "root")}
	a.crossed = crossSign(t, a.root, a.oldRoot, func(*x509.Certificate) {})
	a.middle = authority(t, a.root, "middle")
	a.inner = authority(t, a.middle, "inner")
	a.leaf = issue(t, a.inner, nil)
	return a
}

func chainOf(certificates ...*issued) Chain {
	chain := Chain{}
	for _, c := range certificates {
		chain = append(chain, c.Certificate)
	}
	return chain
}

func subjects(chain Chain) []string {
	all := []string{}
	for _, c := range chain {
		all = append(all, c.Subject.CommonName+" by "+c.Issuer.CommonName)
	}
	return all
}

func TestArrange(t *testing.T) {
	a := newAuthorities(t)
	expiredCross, expiredOld := crossSign(t, a.root, a.oldRoot, expire), crossSign(t, a.oldRoot, a.oldRoot, expire)
	expiredInner := crossSign(t, a.inner, a.middle, expire)
	comingInner := crossSign(t, a.inner, a.middle, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) })
	expiredRoot := crossSign(t, a.root, a.root, expire)
	direct := issue(t, a.root, nil)
	cases := map[string]struct {
		reason string
		sent   Chain
		want   Chain
	}{
		"InOrder":  {sent: chainOf(a.leaf, a.inner, a.middle, a.root), want: chainOf(a.leaf, a.inner, a.middle, a.root)},
		"Backward": {sent: chainOf(a.root, a.middle, a.inner, a.leaf), want: chainOf(a.leaf, a.inner, a.middle, a.root)},
		"Mixed":    {sent: chainOf(a.leaf, a.root, a.inner, a.middle), want: chainOf(a.leaf, a.inner, a.middle, a.root)},
		"Doubled":  {sent: chainOf(a.leaf, a.leaf, a.inner, a.leaf, a.inner, a.middle), want: chainOf(a.leaf, a.inner, a.middle)},
		"NoRoot":   {sent: chainOf(a.middle, a.leaf, a.inner), want: chainOf(a.leaf, a.inner, a.middle)},
		"Crossed": {
			reason: "It may be what some clients need.",
			sent:   chainOf(a.leaf, a.inner, a.middle, a.crossed, a.oldRoot), want: chainOf(a.leaf, a.inner, a.middle, a.crossed, a.oldRoot),
		},
		"CrossedAndRoot": {
			sent: chainOf(a.crossed, a.root, a.middle, a.inner, a.leaf), want: chainOf(a.leaf, a.inner, a.middle, a.crossed, a.root),
		},
		"ExpiredCross": {
			reason: "Clients ignore it.",
			sent:   chainOf(a.leaf, a.inner, a.middle, expiredCross), want: chainOf(a.leaf, a.inner, a.middle),
		},
		"ExpiredCrossFirst": {sent: chainOf(expiredCross, a.leaf, a.inner, a.middle), want: chainOf(a.leaf, a.inner, a.middle)},
		"ExpiredCrossAndRoot": {
			sent: chainOf(a.leaf, a.inner, a.middle, expiredCross, expiredOld), want: chainOf(a.leaf, a.inner, a.middle),
		},
		"ExpiredCrossAndValidRoot": {
			reason: "Nothing leads to the root.",
			sent:   chainOf(a.leaf, a.inner, a.middle, expiredCross, a.oldRoot), want: chainOf(a.leaf, a.inner, a.middle),
		},
		"ExpiredRoot":      {sent: chainOf(a.leaf, a.inner, a.middle, expiredRoot), want: chainOf(a.leaf, a.inner, a.middle)},
		"ExpiredRootAlone": {sent: chainOf(direct, expiredRoot), want: chainOf(direct)},
		"RenewedIssuer":    {sent: chainOf(a.leaf, expiredInner, a.inner, a.middle), want: chainOf(a.leaf, a.inner, a.middle)},
		"ComingIssuer":     {sent: chainOf(a.leaf, comingInner, a.inner, a.middle), want: chainOf(a.leaf, a.inner, a.middle)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, key := range []crypto.PublicKey{nil, tc.want.Leaf().PublicKey} {
				got, err := tc.sent.Arrange(host, key, now)
				if err != nil {
					t.Fatalf("\n%s\nArrange: %v", tc.reason, err)
				}
				if diff := cmp.Diff(subjects(tc.want), subjects(got)); diff != "" || !got.Equal(tc.want) {
					t.Errorf("\n%s\nArrange (-want +got):\n%s", tc.reason, diff)
				}
			}
			verify(t, tc.want, a.root.Certificate, a.oldRoot.Certificate)
		})
	}
}

// Of two leaves, the key decides, and the other one is told.
func TestArrangeByKey(t *testing.T) {
	a := newAuthorities(t)
	other := issue(t, a.inner, nil)
	elsewhere := issue(t, a.inner, func(c *x509.Certificate, key *crypto.Signer) {
		c.Subject.CommonName, c.DNSNames, *key = "other.example.com", []string{"other.example.com"}, a.leaf.key
	})
	cases := map[string]struct {
		sent Chain
		key  crypto.PublicKey
		want string
	}{
		"Stray":       {chainOf(other, a.leaf, a.inner), a.leaf.key.Public(), "Certificate 1 (CN=www.example.com) does not belong to the chain of certificate 2"},
		"StrayByHost": {chainOf(elsewhere, a.leaf, a.inner), a.leaf.key.Public(), "Certificate 1 (CN=other.example.com) does not belong"},
		"Ambiguous":   {chainOf(other, a.leaf, a.inner), nil, "Certificate 1 (CN=www.example.com) and certificate 2 (CN=www.example.com) are both for"},
		"NoneForKey":  {chainOf(a.leaf, a.inner), other.key.Public(), "No certificate is for the private key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := tc.sent.Arrange(host, tc.key, now)
			wantProblem(t, err, tc.want)
		})
	}
}

func TestArrangeRefuses(t *testing.T) {
	a := newAuthorities(t)
	namesake := authority(t, nil, "inner")
	expiredInner := crossSign(t, a.inner, a.middle, expire)
	comingInner := crossSign(t, a.inner, a.middle, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) })
	noCA := crossSign(t, a.inner, a.middle, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, 0 })
	noSign := crossSign(t, a.inner, a.middle, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	cases := map[string]struct {
		sent Chain
		want string
	}{
		"MissingIssuer": {chainOf(a.leaf, a.middle), "Certificate 1 (CN=www.example.com) is signed by CN=inner, whose certificate is missing"},
		"Unrelated":     {chainOf(a.leaf, a.inner, a.middle, a.root, a.oldRoot), "Certificate 5 (CN=old root) does not belong"},
		"Namesake": {
			chainOf(a.leaf, namesake),
			"Certificate 2 (CN=inner) has the name of the issuer of certificate 1 (CN=www.example.com), but did not sign it",
		},
		"ExpiredIssuer": {chainOf(a.middle, a.leaf, expiredInner), "Certificate 3 (CN=inner) expired on"},
		"ComingIssuer":  {chainOf(a.leaf, comingInner), "Certificate 2 (CN=inner) is not valid before"},
		"NoCA": {
			chainOf(a.leaf, noCA),
			"Certificate 2 (CN=inner) has signed certificate 1 (CN=www.example.com), but is not a CA certificate: its basic constraints",
		},
		"NoCertSign": {chainOf(a.leaf, noSign), "is not a CA certificate: its key usage lacks keyCertSign"},
		"NoLeaf":     {chainOf(a.inner, a.middle), "Certificate 1 (CN=inner) is that of an authority. Send the certificate for www.example.com too"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := tc.sent.Arrange(host, nil, now)
			wantProblem(t, err, tc.want)
			if got := tc.sent.Sorted(host); !isPermutation(got, tc.sent) {
				t.Errorf("Sorted: got %q of %q", subjects(got), subjects(tc.sent))
			}
		})
	}
}

func isPermutation(a, b Chain) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(c *x509.Certificate) bool { return !slices.ContainsFunc(b, c.Equal) })
}

func TestSorted(t *testing.T) {
	a := newAuthorities(t)
	expired := crossSign(t, a.root, a.oldRoot, expire)
	got := chainOf(expired, a.inner, a.leaf, a.middle).Sorted(host)
	if diff := cmp.Diff(subjects(chainOf(a.leaf, a.inner, a.middle, expired)), subjects(got)); diff != "" {
		t.Errorf("Sorted (-want +got):\n%s", diff)
	}
	if got := (Chain{}).Sorted(host); len(got) > 0 {
		t.Errorf("Sorted of nothing: got %q", subjects(got))
	}
}

// A chain ends with the leaf or its issuer: of roots clients have their own, and spare certificates they ignore.
func TestNotAfter(t *testing.T) {
	a := newAuthorities(t)
	soon := func(c *x509.Certificate) { c.NotAfter = now.Add(time.Minute) }
	shortInner := crossSign(t, a.inner, a.middle, soon)
	direct := issue(t, a.root, nil)
	for name, tc := range map[string]struct {
		chain Chain
		want  time.Time
	}{
		"Leaf":   {chainOf(issue(t, a.inner, func(c *x509.Certificate, _ *crypto.Signer) { soon(c) }), a.inner), now.Add(time.Minute)},
		"Issuer": {chainOf(a.leaf, shortInner, a.middle), now.Add(time.Minute)},
		"Root":   {chainOf(direct, crossSign(t, a.root, a.root, soon)), now.Add(time.Hour)},
		"Spare":  {chainOf(a.leaf, a.inner, a.middle, crossSign(t, a.root, a.oldRoot, soon)), now.Add(time.Hour)},
	} {
		if got := tc.chain.NotAfter(); !got.Equal(tc.want) {
			t.Errorf("%s: NotAfter() = %s, want %s", name, got, tc.want)
		}
	}
}
