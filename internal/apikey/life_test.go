package apikey

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestExpired(t *testing.T) {
	const hour = time.Hour
	cases := map[string]struct {
		reason      string
		expires     time.Time
		annotations map[string]string
		at          time.Time
		want        bool
	}{
		"Never":          {at: noon.AddDate(100, 0, 0)},
		"Before":         {expires: noon, at: noon.Add(-1)},
		"At":             {expires: noon, at: noon, want: true},
		"Retired":        {annotations: map[string]string{annotationRetiresAt: "2026-01-01T12:00:00Z"}, at: noon, want: true},
		"NotYet":         {annotations: map[string]string{annotationRetiresAt: "2026-01-01T12:00:00Z"}, at: noon.Add(-1)},
		"RetiredEarlier": {expires: noon.Add(hour), annotations: map[string]string{annotationRetiresAt: "2026-01-01T12:00:00Z"}, at: noon, want: true},
		"NotProlonged": {
			reason:      "An annotation, which somebody else may write, can't prolong a key.",
			expires:     noon,
			annotations: map[string]string{annotationRetiresAt: "2099-01-01T00:00:00Z"},
			at:          noon, want: true,
		},
		"Unreadable":     {reason: "It was to end some time.", annotations: map[string]string{annotationRetiresAt: "soon"}, at: noon, want: true},
		"Empty":          {reason: "As an unreadable one.", annotations: map[string]string{annotationRetiresAt: ""}, at: noon, want: true},
		"UnreadableUse":  {reason: "That is for people to read.", annotations: map[string]string{annotationLastUsed: "soon"}, at: noon},
		"LateUnreadable": {expires: noon.Add(hour), annotations: map[string]string{annotationRetiresAt: "x"}, at: noon, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			made, _, err := New(Spec{Role: RoleHost, Expires: tc.expires})
			if err != nil {
				t.Fatal(err)
			}
			secret := made.Secret("berth-system")
			secret.Annotations = tc.annotations
			key, err := FromSecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.Expired(tc.at); got != tc.want {
				t.Errorf("\n%s\nExpired(%s) of a key that ends at %s: got %t, want %t", tc.reason, tc.at, key.End(), got, tc.want)
			}
		})
	}
}

// TestEndedBefore says that a key is deleted only if it is known to have ended: an annotation that can't be read disables it and may be mended.
func TestEndedBefore(t *testing.T) {
	const readable, later, garbage = "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z", "2026-01-01 12:00"
	cases := map[string]struct {
		expires     time.Time
		annotations map[string]string
		// ended says that the key ended before noon, and works that it does not work at noon.
		ended, works bool
	}{
		"Never":               {works: true},
		"Expired":             {expires: noon, ended: true},
		"Later":               {expires: noon.Add(1e9), works: true},
		"Retired":             {annotations: map[string]string{annotationRetiresAt: readable}, ended: true},
		"UnreadableRetires":   {annotations: map[string]string{annotationRetiresAt: garbage}},
		"EmptyRetires":        {annotations: map[string]string{annotationRetiresAt: ""}},
		"UnreadableExpires":   {annotations: map[string]string{annotationExpiresAt: garbage}},
		"EmptyExpires":        {annotations: map[string]string{annotationExpiresAt: ""}},
		"YearOne":             {annotations: map[string]string{annotationRetiresAt: "0001-01-01T00:00:00Z"}},
		"BothUnreadable":      {annotations: map[string]string{annotationExpiresAt: garbage, annotationRetiresAt: garbage}},
		"UnreadableButEnded":  {expires: noon, annotations: map[string]string{annotationRetiresAt: garbage}, ended: true},
		"ExpiresButRetired":   {annotations: map[string]string{annotationExpiresAt: garbage, annotationRetiresAt: readable}, ended: true},
		"ExpiresRetiresLater": {annotations: map[string]string{annotationExpiresAt: garbage, annotationRetiresAt: later}},
		"DataEnded":           {expires: noon, annotations: map[string]string{annotationExpiresAt: garbage}, ended: true},
		"UnreadableSeen":      {annotations: map[string]string{annotationOwnerSeen: garbage}, works: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			made, _, err := New(Spec{Role: RoleHost, Expires: tc.expires})
			if err != nil {
				t.Fatal(err)
			}
			secret := made.Secret("berth-keys")
			secret.Annotations = tc.annotations
			key, err := FromSecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			if got := key.EndedBefore(noon); got != tc.ended {
				t.Errorf("EndedBefore(noon): got %t, want %t", got, tc.ended)
			}
			if got := key.Expired(noon); got == tc.works {
				t.Errorf("Expired(noon): got %t, want %t", got, !tc.works)
			}
		})
	}
}

// patched returns a key after a merge patch of its Secret.
func patched(t *testing.T, key Key, patch []byte) Key {
	t.Helper()
	secret := key.Secret("berth-system")
	secret.UID, secret.CreationTimestamp = key.UID, key.Created
	encoded, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := strategicpatch.StrategicMergePatch(encoded, patch, corev1.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	now := &corev1.Secret{}
	if err := json.Unmarshal(changed, now); err != nil {
		t.Fatal(err)
	}
	after, err := FromSecret(now)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func TestRetirePatch(t *testing.T) {
	cases := map[string]struct {
		reason       string
		expires      time.Time
		at, wantEnds time.Time
	}{
		"Lasting":      {at: noon.Add(time.Millisecond), wantEnds: noon},
		"Earlier":      {expires: noon.Add(time.Hour), at: noon, wantEnds: noon},
		"NotProlonged": {reason: "A key that ends anyway ends then.", expires: noon.Add(-time.Hour), at: noon, wantEnds: noon.Add(-time.Hour)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, _, err := New(Spec{Role: RoleHost, Expires: tc.expires})
			if err != nil {
				t.Fatal(err)
			}
			key.UID = "uid-of-the-secret"
			patch := key.RetirePatch(tc.at)
			if !strings.Contains(string(patch), "uid-of-the-secret") || strings.Contains(string(patch), "resourceVersion") {
				t.Errorf("RetirePatch(...): got %s, want the UID and no resource version", patch)
			}
			if got := patched(t, key, patch).End(); !got.Equal(tc.wantEnds) {
				t.Errorf("\n%s\nEnd(): got %s, want %s", tc.reason, got, tc.wantEnds)
			}
		})
	}
}

// TestUsedPatch says that all who note a use within an hour write the same.
func TestUsedPatch(t *testing.T) {
	key, _, err := New(Spec{Role: RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	first, last := key.UsedPatch(noon), key.UsedPatch(noon.Add(time.Hour-1))
	if !bytes.Equal(first, last) {
		t.Errorf("UsedPatch(...): got %s and %s", first, last)
	}
	if got := patched(t, key, last).LastUsed; !got.Equal(noon) {
		t.Errorf("LastUsed: got %s, want %s", got, noon)
	}
}

// TestLongestLife says that the successor of a key lives as long as the key, but no longer than any may.
func TestLongestLife(t *testing.T) {
	cases := map[string]struct {
		life, longest, want time.Duration
	}{
		"Unlimited": {life: 90 * time.Hour, want: 90 * time.Hour},
		"Shorter":   {life: 90 * time.Hour, longest: 91 * time.Hour, want: 90 * time.Hour},
		"Longer":    {life: 90 * time.Hour, longest: 24 * time.Hour, want: 24 * time.Hour},
		"Lasting":   {longest: 24 * time.Hour, want: 24 * time.Hour},
		"ForEver":   {},
		"Restored":  {life: -time.Hour, longest: 24 * time.Hour, want: time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := Key{Spec: Spec{ID: "0a1b2c3d", Role: RoleHost}, Created: metav1.NewTime(noon)}
			if tc.life != 0 {
				old.Expires = noon.Add(tc.life)
			}
			now := noon.Add(time.Minute)
			key, _, err := old.Successor("", now, tc.longest)
			if err != nil {
				t.Fatal(err)
			}
			want := time.Time{}
			if tc.want > 0 {
				want = now.Add(tc.want)
			}
			if !key.Expires.Equal(want) {
				t.Errorf("Successor(...): it ends at %s, want %s", key.Expires, want)
			}
		})
	}
}

// TestExpiryAnnotation says that the annotation which an admission policy reads can end a key earlier than its data says, and not later.
func TestExpiryAnnotation(t *testing.T) {
	cases := map[string]struct {
		expires    time.Time
		annotation string
		want       time.Time
	}{
		"Same":      {expires: noon, annotation: format(noon), want: noon},
		"Later":     {expires: noon, annotation: format(noon.Add(time.Hour)), want: noon},
		"Earlier":   {expires: noon, annotation: format(noon.Add(-time.Hour)), want: noon.Add(-time.Hour)},
		"DataNever": {annotation: format(noon), want: noon},
		"NoTime":    {expires: noon, annotation: "never", want: time.Unix(0, 0).UTC()},
		"Empty":     {expires: noon, want: time.Unix(0, 0).UTC()},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, _, err := New(Spec{Role: RoleHost, Expires: tc.expires})
			if err != nil {
				t.Fatal(err)
			}
			secret := key.Secret("berth-keys")
			if got := secret.Annotations[annotationExpiresAt]; got != format(tc.expires) {
				t.Errorf("a new key has the annotation %q", got)
			}
			secret.Annotations = map[string]string{annotationExpiresAt: tc.annotation}
			if key, err = FromSecret(secret); err != nil || !key.End().Equal(tc.want) {
				t.Errorf("it ends at %s, %v, want %s", key.End(), err, tc.want)
			}
		})
	}
}

func TestSuccessor(t *testing.T) {
	old, token, err := New(Spec{
		Owner: "ann@example.com", Description: "CI", Role: RoleManager, Organizations: []string{"acme", "cowork"}, Expires: noon.Add(90 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	old.Created = metav1.NewTime(noon)
	now := noon.Add(time.Hour)
	key, fresh, err := patched(t, old, old.RetirePatch(now)).Successor("", now, 0)
	if err != nil {
		t.Fatal(err)
	}
	if fresh == token || key.ID == old.ID || key.Hash != Hash(fresh) || key.Replaces != old.ID {
		t.Errorf("Successor(...): the key %s that replaces %q is no other than %s", key.ID, key.Replaces, old.ID)
	}
	if want := now.Add(90 * time.Hour); !key.Expires.Equal(want) || !key.Retires.IsZero() {
		t.Errorf("Successor(...): it ends at %s, %s, want %s: it lives as long as the first was made for", key.Expires, key.Retires, want)
	}
	key.ID, key.Replaces, key.Expires, key.Hash, key.Created = old.ID, old.Replaces, old.Expires, old.Hash, old.Created
	if diff := cmp.Diff(old, key); diff != "" {
		t.Errorf("Successor(...): -old, +new:\n%s", diff)
	}
	lasting, _, err := New(Spec{Role: RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err = lasting.Successor("chosen0id", now, 0)
	if err != nil || key.ID != "chosen0id" || !key.End().IsZero() {
		t.Errorf("Successor(...) of a key without an end: got %s that ends at %s, %v", key.ID, key.End(), err)
	}
}
