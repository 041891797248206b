package apikey

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLimits says which keys count.
func TestLimits(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ann := Account{Issuer: "https://id.example.com", Subject: "1"}
	key := func(id string, change func(*Key)) Key {
		k := Key{Spec: Spec{ID: id, Owner: "ann@example.com", Account: ann, Role: RoleManager, Organizations: []string{"acme"}}}
		if change != nil {
			change(&k)
		}
		return k
	}
	in := func(organizations ...string) func(*Key) { return func(k *Key) { k.Organizations = organizations } }
	of := func(owner string, account Account) func(*Key) {
		return func(k *Key) { k.Owner, k.Account = owner, account }
	}
	retiring := func(k *Key) { k.Retires = now.Add(time.Hour) }
	cases := map[string]struct {
		reason   string
		wanted   Key
		others   []Key
		replaced bool
		want     error
	}{
		"None":        {wanted: key("new", nil)},
		"Room":        {wanted: key("new", nil), others: []Key{key("a", nil)}},
		"Owner":       {wanted: key("new", in("shop")), others: []Key{key("a", nil), key("b", nil)}, want: &LimitError{Limit: 2}},
		"OtherOwner":  {wanted: key("new", of("ben@example.com", Account{})), others: []Key{key("a", nil), key("b", nil)}},
		"ItselfThere": {reason: "It is read back with the others.", wanted: key("new", nil), others: []Key{key("a", nil), key("new", nil)}},
		"Address": {
			reason: "A key of berthctl's is that of who has the address.", wanted: key("new", of("ANN@example.com", Account{})),
			others: []Key{key("a", nil), key("b", nil)}, want: &LimitError{Limit: 2},
		},
		"Reassigned": {
			reason: "Whoever has the address now is somebody else.", wanted: key("new", of("ann@example.com", Account{Issuer: ann.Issuer, Subject: "2"})),
			others: []Key{key("a", nil), key("b", nil)},
		},
		"NoOwner": {
			reason: "What has no owner is nobody's.", wanted: key("new", of("", Account{})),
			others: []Key{key("a", of("", Account{})), key("b", of("", Account{}))},
		},
		"Expired": {
			reason: "A key that has ended works no more.", wanted: key("new", nil),
			others: []Key{key("a", nil), key("b", func(k *Key) { k.Expires = now })},
		},
		"Retired":  {wanted: key("new", nil), others: []Key{key("a", nil), key("b", func(k *Key) { k.Retires = now.Add(-time.Second) })}},
		"Replaced": {reason: "Otherwise, nobody could rotate at the limit.", wanted: key("new", nil), others: []Key{key("a", nil), key("b", retiring)}},
		"Organization": {
			wanted: key("new", of("", Account{})), want: &LimitError{Organization: "acme", Limit: 3},
			others: []Key{key("a", nil), key("b", of("ben@example.com", Account{})), key("c", of("", Account{}))},
		},
		"SecondOrganization": {
			reason: "A key for several organizations counts in each.", wanted: key("new", func(k *Key) { of("", Account{})(k); in("shop", "acme")(k) }),
			others: []Key{
				key("a", nil), key("b", func(k *Key) { of("", Account{})(k); in("docs", "acme")(k) }),
				key("c", func(k *Key) { of("", Account{})(k); in("acme", "docs")(k) }),
			},
			want: &LimitError{Organization: "acme", Limit: 3},
		},
		"ReplacedRoom": {wanted: key("old", nil), others: []Key{key("old", nil), key("a", retiring), key("b", nil)}, replaced: true},
		"ReplacedOwner": {
			wanted: key("old", nil), others: []Key{key("a", retiring), key("b", retiring)}, replaced: true, want: &LimitError{Limit: 2, Replaced: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			limits := Limits{PerOwner: 2, PerOrganization: 3}
			check := limits.Check
			if tc.replaced {
				check = limits.CheckReplaced
			}
			if diff := cmp.Diff(tc.want, check(tc.wanted, tc.others, now)); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if err := (Limits{}).Check(tc.wanted, tc.others, now); err != nil {
				t.Errorf("without limits: got %v", err)
			}
		})
	}
}
