package apikey

import (
	"testing"
	"time"
)

// TestDormantFrom says which keys stop when their owners do not sign in, and when.
func TestDormantFrom(t *testing.T) {
	const day = 24 * time.Hour
	midnight := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	account := Account{Issuer: "https://id.example.com", Subject: "1"}
	cases := map[string]struct {
		reason  string
		account Account
		seen    string
		within  time.Duration
		want    time.Time
	}{
		"Seen":      {reason: "It was some time on that day.", account: account, seen: "2026-03-04T00:00:00Z", within: 90 * day, want: midnight.Add(91 * day)},
		"Off":       {account: account, seen: "2026-03-04T00:00:00Z"},
		"NotKnown":  {reason: "A key of an earlier version goes on.", account: account, within: 90 * day},
		"NoAccount": {reason: "Nobody signs in for a key of berthctl.", seen: "2026-03-04T00:00:00Z", within: 90 * day},
		"Unreadable": {
			reason:  "What cannot be read says that it is long ago.",
			account: account, seen: "always", within: 90 * day, want: time.Unix(0, 0).Add(91 * day),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, _, err := New(Spec{Account: tc.account, Role: RoleHost})
			if err != nil {
				t.Fatal(err)
			}
			secret := key.Secret("berth-keys")
			if tc.seen != "" {
				secret.Annotations = map[string]string{annotationOwnerSeen: tc.seen}
			}
			if key, err = FromSecret(secret); err != nil {
				t.Fatal(err)
			}
			if got := key.DormantFrom(tc.within); !got.Equal(tc.want) {
				t.Errorf("\n%s\nDormantFrom(%s): got %s, want %s", tc.reason, tc.within, got, tc.want)
			}
		})
	}
	key := Key{Spec: Spec{ID: "0a1b2c3d", Account: account, Role: RoleHost}}
	seen := patched(t, key.withHash(), key.SeenPatch(midnight.Add(13*time.Hour)))
	if !seen.OwnerSeen.Equal(midnight) {
		t.Errorf("SeenPatch(...): got %s, want the day", seen.OwnerSeen)
	}
	successor, _, err := seen.Successor("", midnight, 0)
	if err != nil || !successor.OwnerSeen.Equal(midnight) {
		t.Errorf("Successor(...): the owner was seen at %s, %v; whoever rotates a key is not always the owner", successor.OwnerSeen, err)
	}
}

// withHash returns the key with a hash, as one that New has made.
func (k Key) withHash() Key {
	k.Hash = Hash("berth_x")
	return k
}
