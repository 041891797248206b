package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrustPolicy(t *testing.T) {
	const id = "5ZR9NGLQ0AWMWCFVE2UXJTYKRH7DQ4SB"
	report(t, found(t, "trusted"), id)
	for principal, args := range map[string][]string{
		anyPrincipal:                                 nil,
		"arn:aws:iam::123456789012:role/berth":       {"--aws-principal", "arn:aws:iam::123456789012:role/berth"},
		"arn:aws-cn:iam::123456789012:user/ops/bert": {"--aws-principal", "arn:aws-cn:iam::123456789012:user/ops/bert"},
		"arn:aws-us-gov:iam::123456789012:root":      {"--aws-principal", "arn:aws-us-gov:iam::123456789012:root"},
	} {
		want := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "` + principal + `"},
			"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "` + id + `"}}}]}`
		shown := decode[map[string]json.RawMessage](t, must(t, append([]string{"org", "show", "trusted", "-o", "json"}, args...)...))
		if diff := cmp.Diff(decode[any](t, want), decode[any](t, string(shown["trustPolicy"]))); diff != "" {
			t.Errorf("org show -o json: trustPolicy: -want, +got:\n%s", diff)
		}
		text := must(t, append([]string{"org", "show", "trusted"}, args...)...)
		_, policy, found := strings.Cut(text, "of a customer:\n")
		if !found || !strings.Contains(text, "EXTERNAL ID   "+id) {
			t.Fatalf("org show: got\n%s", text)
		}
		if diff := cmp.Diff(decode[any](t, want), decode[any](t, policy)); diff != "" {
			t.Errorf("org show: the policy: -want, +got:\n%s", diff)
		}
	}
}

// TestNoTrustPolicy says that there is no policy before there is an external id: it would trust the platform in anybody's name.
func TestNoTrustPolicy(t *testing.T) {
	found(t, "untrusted")
	if shown := decode[map[string]any](t, must(t, "org", "show", "untrusted", "-o", "json")); shown["trustPolicy"] != nil {
		t.Errorf("org show -o json: got %v", shown["trustPolicy"])
	}
	if text := must(t, "org", "show", "untrusted"); strings.Contains(text, "Statement") || !strings.Contains(text, "EXTERNAL ID   none yet") {
		t.Errorf("org show: got\n%s", text)
	}
}
