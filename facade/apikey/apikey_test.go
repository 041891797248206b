package apikey

import (
	"errors"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestRoundTrip(t *testing.T) {
	cases := map[string]struct {
		owner         string
		role          Role
		organizations []string
	}{
		"Manager":         {owner: "ann@example.com", role: RoleManager, organizations: []string{"cowork"}},
		"SeveralOrgs":     {owner: "ann@example.com", role: RoleContributor, organizations: []string{"acme", "cowork"}},
		"HostStaff":       {owner: "ops@example.com", role: RoleHost},
		"OwnerIsOptional": {role: RoleHost},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, token, err := New(tc.owner, tc.role, tc.organizations...)
			if err != nil {
				t.Fatalf("New(...): %v", err)
			}
			if !regexp.MustCompile(`^berth_[0-9A-Za-z]{40}$`).MatchString(token) {
				t.Errorf("New(...): token %q is not berth_ and 40 base62 characters", token)
			}
			if got := Hash(token); got != key.Hash {
				t.Errorf("Hash(token) = %s, want the key's hash %s", got, key.Hash)
			}
			got, err := FromSecret(key.Secret("berth-system"))
			if err != nil {
				t.Fatalf("FromSecret(...): %v", err)
			}
			if diff := cmp.Diff(key, got); diff != "" {
				t.Errorf("FromSecret(key.Secret(...)): -want, +got:\n%s", diff)
			}
		})
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key, token, err := New("", RoleHost)
		if err != nil {
			t.Fatal(err)
		}
		if seen[token] || seen[key.ID] {
			t.Fatalf("token or id of key %s came twice", key.ID)
		}
		seen[token], seen[key.ID] = true, true
	}
}

func TestInvalid(t *testing.T) {
	valid, _, err := New("ann@example.com", RoleManager, "cowork")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		change func(*corev1.Secret)
	}{
		"NotLabelled":       {reason: "Only a labelled Secret is a key.", change: func(s *corev1.Secret) { s.Labels = nil }},
		"OtherName":         {reason: "The id is in the name.", change: func(s *corev1.Secret) { s.Name = "key" }},
		"NoHash":            {reason: "An empty hash must not match anything.", change: func(s *corev1.Secret) { delete(s.Data, dataHash) }},
		"UnknownRole":       {reason: "An unknown role has no rights.", change: func(s *corev1.Secret) { s.Data[dataRole] = []byte("root") }},
		"NoOrganization":    {reason: "A manager of nothing is a mistake.", change: func(s *corev1.Secret) { s.Data[dataOrganizations] = nil }},
		"EmptyOrganization": {reason: "A name can't be empty.", change: func(s *corev1.Secret) { s.Data[dataOrganizations] = []byte("cowork,") }},
		"HostOfOne":         {reason: "Host staff isn't bound to an organization.", change: func(s *corev1.Secret) { s.Data[dataRole] = []byte(RoleHost) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			secret := valid.Secret("berth-system")
			tc.change(secret)
			if _, err := FromSecret(secret); !errors.Is(err, ErrInvalid) {
				t.Errorf("\n%s\nFromSecret(...): got %v, want ErrInvalid", tc.reason, err)
			}
		})
	}
}
