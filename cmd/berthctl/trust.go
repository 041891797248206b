package main

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
)

// anyPrincipal stands in a trust policy for what berthctl doesn't know.
const anyPrincipal = "FILL IN: the ARN of the platform's own AWS role or user"

// principalPattern is of what a trust policy can name for good. The ARN of a session, which sts get-caller-identity prints, is another each time.
var principalPattern = regexp.MustCompile(`^arn:aws[-a-z]*:iam::[0-9]{12}:(root|(role|user)/[-A-Za-z0-9_+=,.@/]+)$`)

// trustPolicy says who may assume a customer's AWS role: the platform alone, and it only for one organization.
type trustPolicy struct {
	Version   string           `json:"Version"`
	Statement []trustStatement `json:"Statement"`
}

type trustStatement struct {
	Effect    string                       `json:"Effect"`
	Principal map[string]string            `json:"Principal"`
	Action    string                       `json:"Action"`
	Condition map[string]map[string]string `json:"Condition"`
}

// newTrustPolicy is the one of a role for an organization with an external id, nil as long as it has none: a policy without would let the
// platform in for any organization.
func newTrustPolicy(principal, externalID string) *trustPolicy {
	if externalID == "" {
		return nil
	}
	return &trustPolicy{Version: "2012-10-17", Statement: []trustStatement{{
		Effect:    "Allow",
		Principal: map[string]string{"AWS": principal},
		Action:    "sts:AssumeRole",
		Condition: map[string]map[string]string{"StringEquals": {"sts:ExternalId": externalID}},
	}}}
}

// checkPrincipal refuses what no trust policy should name.
func checkPrincipal(principal string) error {
	if principal == anyPrincipal || principalPattern.MatchString(principal) {
		return nil
	}
	return fmt.Errorf("--aws-principal is the ARN of an IAM role, user or account, such as arn:aws:iam::123456789012:role/berth, not %q", principal)
}

// write writes the policy, if there is one, as IAM takes it.
func (p *trustPolicy) write(out io.Writer) error {
	if p == nil {
		return nil
	}
	fmt.Fprintln(out, "\nTrust policy for the AWS role of a customer:")
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(p)
}
