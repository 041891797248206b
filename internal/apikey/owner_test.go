package apikey

import "testing"

func TestSameOwner(t *testing.T) {
	cases := map[string]struct {
		reason, a, b string
		want         bool
	}{
		"Same":    {a: "boss@example.com", b: "boss@example.com", want: true},
		"Case":    {reason: "People write their own address either way.", a: "Boss@Example.com", b: "boss@example.COM", want: true},
		"Other":   {a: "boss@example.com", b: "ross@example.com"},
		"LongS":   {reason: "A long s is another letter, and so another mailbox.", a: "boss@example.com", b: "bo\u017fs@example.com"},
		"Kelvin":  {reason: "So is the sign of Kelvin.", a: "kim@example.com", b: "\u212aim@example.com"},
		"Invalid": {reason: "What is no UTF-8 is nobody's.", a: "a\xff@example.com", b: "a@example.com"},
		"None":    {reason: "Nobody owns what has no owner."},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, back := SameOwner(tc.a, tc.b), SameOwner(tc.b, tc.a); got != tc.want || back != tc.want {
				t.Errorf("\n%s\nSameOwner(%q, %q) = %t, the other way round %t", tc.reason, tc.a, tc.b, got, back)
			}
		})
	}
}

// TestOwnedBy says whose a key is when addresses are given to others.
func TestOwnedBy(t *testing.T) {
	ann, other := Account{Issuer: "https://id.example.com", Subject: "1"}, Account{Issuer: "https://id.example.com", Subject: "2"}
	cases := map[string]struct {
		reason  string
		owner   string
		account Account
		address string
		by      Account
		want    bool
	}{
		"Same":          {owner: "ann@example.com", account: ann, address: "ann@example.com", by: ann, want: true},
		"NewAddress":    {reason: "People change their names.", owner: "ann@example.com", account: ann, address: "anna@example.com", by: ann, want: true},
		"ReassignedTo":  {reason: "Another person has the address now.", owner: "ann@example.com", account: ann, address: "ann@example.com", by: other},
		"OtherProvider": {owner: "ann@example.com", account: ann, address: "ann@example.com", by: Account{Issuer: "https://id.example.net", Subject: "1"}},
		"NoAccount":     {reason: "berthctl knows an address alone.", owner: "Ann@example.com", address: "ann@example.com", by: ann, want: true},
		"OtherAddress":  {owner: "ann@example.com", address: "ben@example.com", by: ann},
		"Nobody":        {reason: "What has no owner is nobody's.", by: ann},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key := Key{Spec: Spec{Owner: tc.owner, Account: tc.account}}
			if got := key.OwnedBy(tc.address, tc.by); got != tc.want {
				t.Errorf("\n%s\nOwnedBy(%q, %v): got %t, want %t", tc.reason, tc.address, tc.by, got, tc.want)
			}
		})
	}
}
