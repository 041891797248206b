package apikey

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestRoundTrip(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   Spec
	}{
		"Manager":         {spec: Spec{Owner: "ann@example.com", Role: RoleManager, Organizations: []string{"cowork"}}},
		"SeveralOrgs":     {spec: Spec{Owner: "ann@example.com", Role: RoleContributor, Organizations: []string{"acme", "cowork"}}},
		"HostStaff":       {spec: Spec{Owner: "ops@example.com", Role: RoleHost}},
		"OwnerIsOptional": {spec: Spec{Role: RoleHost}},
		"Everything": {
			reason: "Times are kept to the second.",
			spec: Spec{
				ID: "0a1b2c3d4e5f", Description: "Deploys from CI — müde", Role: RoleHost, Replaces: "abcdefgh",
				Account: Account{Issuer: "https://id.example.com", Subject: "a=b,c"},
				Expires: time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600)),
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key, token, err := New(tc.spec)
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

// TestEarlierKeys says that keys are read which were made before there was more to say about them.
func TestEarlierKeys(t *testing.T) {
	want, _, err := New(Spec{Role: RoleManager, Organizations: []string{"cowork"}})
	if err != nil {
		t.Fatal(err)
	}
	secret := want.Secret("berth-system")
	for _, later := range []string{dataDescription, dataExpires, dataReplaces, dataIssuer, dataSubject} {
		delete(secret.Data, later)
	}
	got, err := FromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("FromSecret(...): -want, +got:\n%s", diff)
	}
}

func TestNewMistakes(t *testing.T) {
	for name, spec := range map[string]Spec{
		"ShortID":           {ID: "abc", Role: RoleHost},
		"IDOfAnotherSecret": {ID: "../../etc/passwd", Role: RoleHost},
		"UpperCaseID":       {ID: "ABCDEFGH", Role: RoleHost},
		"LongDescription":   {Description: strings.Repeat("ä", 201), Role: RoleHost},
		"TwoLines":          {Description: "one\ntwo", Role: RoleHost},
		"NoRole":            {},
		"NoSubject":         {Account: Account{Issuer: "https://id.example.com"}, Role: RoleHost},
		"NoIssuer":          {Account: Account{Subject: "1"}, Role: RoleHost},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := New(spec); !errors.Is(err, ErrInvalid) {
				t.Errorf("New(...): got %v, want ErrInvalid", err)
			}
		})
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		key, token, err := New(Spec{Role: RoleHost})
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
	valid, _, err := New(Spec{Owner: "ann@example.com", Role: RoleManager, Organizations: []string{"cowork"}})
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
		"Expires":           {reason: "Nobody could rely on an end that can't be read.", change: func(s *corev1.Secret) { s.Data[dataExpires] = []byte("soon") }},
		"Description":       {reason: "A description must not fake a second line.", change: func(s *corev1.Secret) { s.Data[dataDescription] = []byte("a\nb") }},
		"HalfAnAccount":     {reason: "It would be nobody's, or anybody's.", change: func(s *corev1.Secret) { s.Data[dataSubject] = []byte("1") }},
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
