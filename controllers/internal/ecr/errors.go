package ecr

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// Kind is what keeps Berth from a token.
type Kind int

const (
	// Unavailable means that AWS doesn't answer, fails, or asks to be called less often. It passes.
	Unavailable Kind = iota
	// NoIdentity means that the platform has no identity of AWS, or none that AWS accepts.
	NoIdentity
	// RoleRefused means that AWS doesn't let the platform assume the role.
	RoleRefused
	// TokenRefused means that the role may not get a token.
	TokenRefused
)

// maxSaid is the length in bytes that what AWS says is cut to.
const maxSaid = 400

// What is said where AWS says nothing.
const (
	tooSlow     = "AWS doesn't answer in time."
	unreachable = "AWS can't be reached."
	tooMany     = "Other roles wait for an answer of AWS."
	ended       = "By the platform's clock, the token that AWS gives has ended already."
)

// Error is why there is no token.
type Error struct {
	Kind Kind
	// Said is what AWS has said, or what is known instead: its code and message, which hold no secrets.
	Said string
	// Caller is the ARN of the platform's identity where the role was refused; empty if that isn't known.
	Caller string
	// RetryAfter is when AWS is asked again at the earliest.
	RetryAfter time.Duration
}

// Error returns what AWS has said.
func (e *Error) Error() string { return e.Said }

// identityError says why the platform has no identity. The SDK's last resort is the instance that it runs on: if it fails there, there is
// none; if a service fails that gives one, that may pass.
func identityError(err error) error {
	if text, ok := refusedByAgent(err); ok {
		return &Error{Kind: NoIdentity, Said: text}
	}
	if kind, said := answered(err); said != "" {
		return &Error{Kind: kind, Said: said}
	}
	if asked, ok := errors.AsType[*smithy.OperationError](err); ok && asked.Service() != "ec2imds" && !isSetting(err) {
		return unavailable(err)
	}
	return &Error{Kind: NoIdentity, Said: "The AWS SDK finds no credentials: neither in the environment nor for the ServiceAccount nor for the instance."}
}

// refusedByAgent returns what the agent of EKS Pod Identity says to a ServiceAccount that has no role. It knows no codes, only words and the status
// of HTTP.
func refusedByAgent(err error) (string, bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "" {
		return "", false
	}
	answer, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err)
	refused := ok && answer.HTTPStatusCode() < http.StatusInternalServerError && answer.HTTPStatusCode() != http.StatusTooManyRequests
	return said(api), refused
}

// isSetting reports whether the SDK didn't even ask, since it lacks a setting such as the region.
func isSetting(err error) bool {
	_, missing := errors.AsType[*aws.MissingRegionError](err)
	return missing
}

// roleError says why a role can't be assumed.
func (p *platform) roleError(ctx context.Context, c aws.Config, err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unavailable(err)
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException":
		return &Error{Kind: RoleRefused, Said: said(api), Caller: p.whoami(ctx, c)}
	case "ValidationError", "ValidationException", "MalformedInput", "RegionDisabledException":
		return &Error{Kind: RoleRefused, Said: said(api)}
	}
	kind, text := answered(err)
	return &Error{Kind: kind, Said: text}
}

// tokenError says why a role gets no token.
func tokenError(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return unavailable(err)
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		return &Error{Kind: TokenRefused, Said: said(api)}
	}
	// The credentials are those that STS has just given: if they are unknown, that passes.
	return &Error{Kind: Unavailable, Said: said(api)}
}

// answered returns what an answer of AWS to the platform's own credentials means, and what it says; nothing if there was none.
func answered(err error) (Kind, string) {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return Unavailable, ""
	}
	switch api.ErrorCode() {
	case "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException",
		"InvalidIdentityToken", "IDPRejectedClaim", "AccessDenied", "AccessDeniedException", "MissingAuthenticationToken",
		"IncompleteSignature", "AuthFailure", "OptInRequired":
		return NoIdentity, said(api)
	}
	return Unavailable, said(api)
}

// unavailable says that there was no answer. What the SDK says of it may quote addresses and requests, and is left out.
func unavailable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || (retry.TimeouterError{}).IsErrorTimeout(err) == aws.TrueTernary {
		return &Error{Kind: Unavailable, Said: tooSlow}
	}
	return &Error{Kind: Unavailable, Said: unreachable}
}

// said returns code, if there is one, and message of an answer.
func said(api smithy.APIError) string {
	text := strings.TrimSpace(strings.TrimPrefix(api.ErrorCode()+": "+api.ErrorMessage(), ": "))
	if len(text) > maxSaid {
		text = text[:maxSaid] + "…"
	}
	return text
}
