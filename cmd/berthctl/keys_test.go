package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/apikey"
)

// keyInCluster reads a key from its Secret.
func keyInCluster(t *testing.T, id string) apikey.Key {
	t.Helper()
	secret := &corev1.Secret{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: "berth-keys", Name: apikey.SecretName(id)}, secret); err != nil {
		t.Fatal(err)
	}
	key, err := apikey.FromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeysThatExpire(t *testing.T) {
	found(t, "expiring")
	found(t, "other")
	made := decode[apiKey](t, must(t, "apikey", "create", "--org", "expiring", "--expires", "90d", "--description", "deploys from CI", "-o", "json"))
	if left := time.Until(made.Expires); left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("the key expires in %s, want 90 days", left)
	}
	if key := keyInCluster(t, made.ID); !key.Expires.Equal(made.Expires) || key.Description != "deploys from CI" {
		t.Errorf("the Secret says that the key is for %q and expires at %s", key.Description, key.Expires)
	}
	_, told, err := berthctl(t, "apikey", "create", "--org", "other", "--owner", "ann@example.com")
	if err != nil || !strings.Contains(told, "never expires") {
		t.Errorf("apikey create without --expires: got %v and said %q, want it to say so", err, told)
	}
	if !strings.Contains(told, "lives longer than 8760h0m0s") {
		t.Errorf("apikey create without --expires: it said %q, want a warning", told)
	}
	if _, told, err = berthctl(t, "apikey", "create", "--org", "other", "--expires", "365d"); err != nil || strings.Contains(told, "Warning") {
		t.Errorf("apikey create --expires=365d: got %v and said %q", err, told)
	}
	if _, told, err = berthctl(t, "apikey", "create", "--org", "other", "--expires", "1h"); err != nil || !strings.Contains(told, "expires at 20") {
		t.Errorf("apikey create --expires=1h: got %v and said %q, want it to say when", err, told)
	}

	table := must(t, "apikey", "list", "--org", "expiring")
	want := `^ID +ROLE +ORGANIZATIONS +OWNER +CREATED +EXPIRES +LAST USED +DESCRIPTION\n` +
		made.ID + ` +manager +expiring +\S+ +` + made.Expires.Format(time.RFC3339) + ` +never +deploys from CI\n$`
	if !regexp.MustCompile(want).MatchString(table) {
		t.Errorf("apikey list --org: got\n%s", table)
	}
	owned := decode[[]apiKey](t, must(t, "apikey", "list", "--owner", "ann@example.com", "--org", "other", "-o", "json"))
	if len(owned) != 1 || owned[0].Owner != "ann@example.com" || !owned[0].Expires.IsZero() {
		t.Errorf("apikey list --owner: got %+v", owned)
	}
}

func TestRotate(t *testing.T) {
	found(t, "rotating")
	args := []string{"--org", "rotating", "--role", "contributor", "--owner", "ann@example.com", "--description", "CI", "--expires", "48h"}
	first := decode[apiKey](t, must(t, append([]string{"apikey", "create", "-o", "json"}, args...)...))
	out, told, err := berthctl(t, "apikey", "rotate", first.ID, "--overlap", "1h")
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSuffix(out, "\n")
	if !strings.HasPrefix(token, apikey.Prefix) || token == first.Key || strings.ContainsAny(token, " \n") || strings.Contains(told, token) {
		t.Errorf("apikey rotate prints %q, and on standard error %q; want the new key alone", out, told)
	}
	keys := decode[[]apiKey](t, must(t, "apikey", "list", "--org", "rotating", "-o", "json"))
	at := slices.IndexFunc(keys, func(key apiKey) bool { return key.ID != first.ID })
	if len(keys) != 2 || at < 0 {
		t.Fatalf("apikey list: got %+v, want two keys", keys)
	}
	second := keyInCluster(t, keys[at].ID)
	if second.Hash != apikey.Hash(token) || second.Replaces != first.ID || second.Owner != "ann@example.com" || second.Description != "CI" ||
		second.Role != apikey.RoleContributor || !slices.Equal(second.Organizations, []string{"rotating"}) {
		t.Errorf("the new key is %+v", second.Spec)
	}
	if left := time.Until(second.End()); left < 47*time.Hour || left > 48*time.Hour {
		t.Errorf("the new key expires in %s, want the 48 hours of the old one", left)
	}
	if left := time.Until(keyInCluster(t, first.ID).End()); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the old key expires in %s, want an hour", left)
	}

	third := decode[apiKey](t, must(t, "apikey", "rotate", second.ID, "--overlap", "0", "-o", "json"))
	if !keyInCluster(t, second.ID).Expired(time.Now()) || third.Key == "" || third.Replaces != second.ID {
		t.Errorf("apikey rotate --overlap=0: the old key isn't at its end, or the new one is %s for %s", third.ID, third.Replaces)
	}
	if table := must(t, "apikey", "list", "--org", "rotating"); strings.Count(table, "(has)") != 1 {
		t.Errorf("apikey list: want one key that has expired, got\n%s", table)
	}
	if _, _, err := berthctl(t, "apikey", "rotate", "nosuchid"); err == nil || !strings.Contains(err.Error(), "API key nosuchid not found") {
		t.Errorf("apikey rotate of no key: got %v", err)
	}
	if _, _, err := berthctl(t, "apikey", "rotate", third.ID, "--overlap", "-1h"); err == nil || !strings.Contains(err.Error(), "--overlap") {
		t.Errorf("apikey rotate --overlap=-1h: got %v", err)
	}
}

// TestExclude says that an excluded key is replaced by one that does not hold there.
func TestExclude(t *testing.T) {
	for _, name := range []string{"excluding", "admitting"} {
		found(t, name)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := cluster.Create(t.Context(), namespace); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	made := decode[apiKey](t, must(t, "apikey", "create", "--org", "excluding", "--org", "admitting", "-o", "json"))
	exclusion := apikey.Exclusion("excluding", made.ID)
	exists := func() bool {
		return cluster.Get(t.Context(), client.ObjectKeyFromObject(exclusion), &corev1.Secret{}) == nil
	}
	for range 2 {
		must(t, "apikey", "exclude", made.ID, "--org", "excluding")
	}
	if !exists() {
		t.Error("apikey exclude: the organization does not exclude the key")
	}
	second := decode[apiKey](t, must(t, "apikey", "rotate", made.ID, "-o", "json"))
	if !slices.Equal(second.Organizations, []string{"admitting"}) {
		t.Errorf("apikey rotate: the new key names %v", second.Organizations)
	}
	must(t, "apikey", "exclude", second.ID, "--org", "admitting")
	if _, _, err := berthctl(t, "apikey", "rotate", second.ID); err == nil || !strings.Contains(err.Error(), "all organizations of API key") {
		t.Errorf("apikey rotate of a key that all exclude: got %v", err)
	}
	for range 2 {
		must(t, "apikey", "exclude", made.ID, "--org", "excluding", "--undo")
	}
	if exists() {
		t.Error("apikey exclude --undo: the organization excludes the key")
	}
	for id, want := range map[string]string{made.ID: "does not name organization other", "nosuchid": "not found"} {
		if _, _, err := berthctl(t, "apikey", "exclude", id, "--org", "other"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("apikey exclude %s: got %v, want %q", id, err, want)
		}
	}
}

// TestKeyLimits says that a key beyond the limits takes a flag.
func TestKeyLimits(t *testing.T) {
	found(t, "limited")
	found(t, "wide")
	create := func(want string, args ...string) {
		t.Helper()
		_, _, err := berthctl(t, append([]string{"apikey", "create", "--org", "limited", "--expires", "1h"}, args...)...)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("apikey create %v: got %v, want %q", args, err, want)
		}
	}
	const owner, organization = "--max-keys-per-owner", "--max-keys-per-organization"
	create("", "--owner", "lea@example.com")
	create("the owner has the maximum of 1 API keys; revoke one that is not needed, or raise "+owner, "--owner", "LEA@example.com", owner, "1")
	create("", "--owner", "leo@example.com", owner, "1")
	create("", owner, "1") // Nobody's.
	create("", owner, "1")
	create("organization limited has the maximum of 4 API keys; revoke one that is not needed, or raise "+organization, "--org", "wide", organization, "4")
	create("", organization, "0")
	create("must not be negative", owner, "-1")
	for range 25 {
		key, _, err := apikey.New(apikey.Spec{Owner: "lea@example.com", Role: apikey.RoleManager, Organizations: []string{"wide"}, Expires: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if err := cluster.Create(t.Context(), key.Secret("berth-keys")); err != nil {
			t.Fatal(err)
		}
	}
	create("", "--owner", "lea@example.com") // Those have ended.
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		text string
		want time.Time
		err  string
	}{
		"Never":     {},
		"Hours":     {text: "720h", want: now.Add(720 * time.Hour)},
		"Days":      {text: "90d", want: now.Add(90 * 24 * time.Hour)},
		"Date":      {text: "2027-01-31", want: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		"Time":      {text: "2027-01-31T12:00:00+01:00", want: time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC)},
		"Past":      {text: "2026-01-31", err: "in the future"},
		"Negative":  {text: "-1h", err: "in the future"},
		"NoDays":    {text: "0d", err: "in the future"},
		"Nonsense":  {text: "soon", err: "not \"soon\""},
		"Fractions": {text: "1.5d", err: "90d"},
		"Years":     {text: "1y", err: "90d"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseExpiry(tc.text, now)
			if tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) || tc.err == "" && err != nil {
				t.Fatalf("parseExpiry(%q): got %v, want an error that tells of %q", tc.text, err, tc.err)
			}
			if !got.Equal(tc.want) {
				t.Errorf("parseExpiry(%q): got %s, want %s", tc.text, got, tc.want)
			}
		})
	}
}
