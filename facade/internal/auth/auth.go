// Package auth says who calls, by the API key, and what they may do.
package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/apikey"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/web"
)

// Principal is who calls.
type Principal struct {
	// ID is that of the API key.
	ID string
	// Owner is the e-mail address of who holds the key; may be empty.
	Owner string
	// Role is what the key may do.
	Role apikey.Role
	// Organizations are those that the role holds in; none for host staff, whose role holds in all.
	Organizations []string
}

// Keys finds API keys. Both the lookup and a key that is gone must be known without a request to anybody.
type Keys interface {
	// KeyByHash returns the key whose token has this hash, in apikey.Hash's form.
	KeyByHash(ctx context.Context, hash string) (apikey.Key, bool)
}

// principalKey is where the request's principal is kept.
const principalKey = "berth.dev/principal"

// Authenticate lets a request go on only with a known API key, the user name of HTTP Basic authentication; the password is ignored.
func Authenticate(keys Keys) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, _, _ := c.Request.BasicAuth()
		hash := apikey.Hash(token)
		key, known := keys.KeyByHash(c.Request.Context(), hash)
		// The lookup compares hashes, so what its time tells doesn't help to guess a token; the comparison is there so that a mistake
		// in the lookup lets nobody in.
		if subtle.ConstantTimeCompare([]byte(hash), []byte(key.Hash)) != 1 || !known {
			web.Fail(c, apierr.Unauthorized())
			return
		}
		c.Set(principalKey, Principal{ID: key.ID, Owner: key.Owner, Role: key.Role, Organizations: key.Organizations})
	}
}

// PrincipalOf returns who calls. The zero Principal, of a request that Authenticate hasn't seen, may do nothing.
func PrincipalOf(c *gin.Context) Principal {
	principal, _ := c.Value(principalKey).(Principal)
	return principal
}

// Action is what somebody wants to do, in the words of the API server.
type Action struct {
	// Verb is get, list, create, patch or delete.
	Verb string
	// Resource is what it is done to, with its subresource: "apps", or "pods/log".
	Resource string
	// Organization is the Namespace that it is in; empty for all of them.
	Organization string
	// Name is the object's, as the path names it; empty for a list.
	Name string
}

// reads tells whether the action changes nothing.
func (a Action) reads() bool { return a.Verb == "get" || a.Verb == "list" }

// Authorizer decides what a principal may do.
type Authorizer interface {
	// Authorize returns nil if the principal may do it, the 403 if they may not, and the 404 if they may not even know of it.
	Authorize(ctx context.Context, principal Principal, action Action) error
}

// Roles decides by the role of the key alone.
type Roles struct{}

// Authorize lets host staff do everything, managers everything in their organizations, and contributors read there. What is about all
// organizations is for host staff alone.
func (Roles) Authorize(_ context.Context, principal Principal, action Action) error {
	if principal.Role == apikey.RoleHost {
		return nil
	}
	if action.Organization == "" {
		return apierr.Forbidden()
	}
	if !slices.Contains(principal.Organizations, action.Organization) {
		return apierr.NotFound()
	}
	if principal.Role == apikey.RoleManager || principal.Role == apikey.RoleContributor && action.reads() {
		return nil
	}
	return apierr.Forbidden()
}

// Require lets a request go on only if its principal may do verb to resource, in the organization and to the app or domain that its path names.
func Require(authorizer Authorizer, verb, resource string) gin.HandlerFunc {
	return func(c *gin.Context) {
		action := Action{Verb: verb, Resource: resource, Organization: c.Param("org"), Name: cmp.Or(c.Param("app"), c.Param("domain"))}
		if err := authorizer.Authorize(c.Request.Context(), PrincipalOf(c), action); err != nil {
			web.Fail(c, err)
		}
	}
}
