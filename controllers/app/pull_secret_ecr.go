package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/controllers/internal/ecr"
	"github.com/berth-dev/berth/controllers/internal/phase"
)

// withoutToken says why there is no new token. What passes by itself is only noted while the one that is there holds.
func (s *Scope) withoutToken(role ecr.Role, why error, held holding, now time.Time) error {
	failure, ok := errors.AsType[*ecr.Error](why)
	if !ok {
		return why
	}
	switch failure.Kind {
	case ecr.NoIdentity:
		return phase.StallFor(failure.RetryAfter, v1alpha1.ReasonNoPlatformIdentity,
			"The platform has no identity of AWS that could assume the role %s; whoever runs it has to give it one. %s", role.ARN, failure.Said)
	case ecr.RoleRefused:
		return phase.StallFor(failure.RetryAfter, v1alpha1.ReasonRoleRefused,
			"AWS doesn't let the platform assume the role %s. Check that there is such a role, and that its trust policy lets %s assume it with the"+
				" external id %s. AWS says: %s", role.ARN, principal(failure.Caller), role.ExternalID, failure.Said)
	case ecr.TokenRefused:
		return phase.StallFor(failure.RetryAfter, v1alpha1.ReasonTokenRefused,
			"The role %s may not log in to Amazon ECR: allow it ecr:GetAuthorizationToken on all resources. AWS says: %s", role.ARN, failure.Said)
	}
	if now.Before(held.expires) {
		s.Pull.Note = fmt.Sprintf("The token for the registry can't be renewed at the moment; the one that is there holds until %s.",
			held.expires.UTC().Format(time.RFC3339))
		s.Pull.Recheck = failure.RetryAfter
		return nil
	}
	return phase.Wait(failure.RetryAfter, v1alpha1.ReasonAWSUnavailable, "There is no token for the registry yet. %s", failure.Said)
}

// principal says whom a trust policy has to name for the platform's identity. Of a role, the ARN of the platform's present session is of no use,
// since the next one has another.
func principal(caller string) string {
	const fields, account, resource = 6, 4, 5
	arn := strings.SplitN(caller, ":", fields)
	if len(arn) < fields {
		return "the platform's account"
	}
	if session, ok := strings.CutPrefix(arn[resource], "assumed-role/"); ok {
		role, _, _ := strings.Cut(session, "/")
		return fmt.Sprintf("the role %s of the account %s", role, arn[account])
	}
	return fmt.Sprintf("the account %s (%s)", arn[account], caller)
}
