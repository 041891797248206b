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
