// Package auth says who calls, by the API key, and what they may do.
package auth

import (
	"cmp"
	"context"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
)

// Principal is who calls.
type Principal struct {
	// ID is that of the API key; empty for somebody who has signed in.
	ID string
	// Owner is the e-mail address of who holds the key or has signed in; may be empty for a key.
	Owner string
	// Role is that of the key, for people to read; empty for somebody who has signed in. What decides is Groups.
	Role apikey.Role
	// User is the user that they act as at the API server.
	User string
	// Groups are those that they act in.
	Groups []string
}

// ofKey is who the holder of a key is.
func ofKey(key apikey.Key) Principal {
	p := Principal{ID: key.ID, Owner: key.Owner, Role: key.Role, User: rbac.UserOfKey(key.ID)}
	if key.Role == apikey.RoleHost {
		p.Groups = []string{rbac.GroupHost}
	}
	for _, organization := range key.Organizations {
		p.Groups = append(p.Groups, rbac.Group(organization, rbac.Role(key.Role)))
	}
	return p
}

// Keys finds API keys. Both the lookup and a key that is gone must be known without a request to anybody.
type Keys interface {
	// KeyByHash returns the key whose token has this hash, in apikey.Hash's form.
	KeyByHash(hash string) (apikey.Key, bool)
	// CheckOwner returns the answer to a request with a key that does not work until its owner signs in again, or nil if it works.
	CheckOwner(key apikey.Key) error
	// Used notes that a key has been used, without waiting for anything.
	Used(key apikey.Key)
}

// Outcome is what became of the API key of a request.
type Outcome string

const (
	// Accepted is the outcome for a valid key.
	Accepted Outcome = "accepted"
	// Missing is the outcome without a key.
	Missing Outcome = "missing"
	// Unknown is the outcome for what is no valid key: it never was one, was revoked, or has expired.
	Unknown Outcome = "unknown"
	// Dormant is the outcome for a key that does not work until its owner signs in again.
	Dormant Outcome = "dormant"
	// Limited is the outcome for a valid key that has been used too often.
	Limited Outcome = "limited"
)

// Authenticate lets a request go on only with a valid API key, which is sent in one of the ways that tokensOf knows.
//
// A key that never was, one that was revoked, one that has expired and something that is no key at all take the same path to the same answer: the
// hash of what was sent, one lookup by it, a comparison, the limit of the address. So neither the answer nor its time tells them apart.
//
// What became of each request, count is told.
func Authenticate(keys Keys, limits Limits, count func(Outcome)) gin.HandlerFunc {
	return func(c *gin.Context) {
		tokens := tokensOf(c.Request)
		key, known := find(keys, tokens)
		if !known {
			count(refused(tokens))
			web.Fail(c, limits.refusal(c.ClientIP()))
			return
		}
		c.Request = c.Request.WithContext(NewContext(c.Request.Context(), ofKey(key)))
		if err := limits.allow(key.ID); err != nil {
			count(Limited)
			web.Fail(c, err)
			return
		}
		// Whoever has the key may know whose it is.
		if err := keys.CheckOwner(key); err != nil {
			count(Dormant)
			web.Fail(c, err)
			return
		}
		keys.Used(key)
		count(Accepted)
	}
}

// refused is the outcome for tokens of which none is a valid key's.
func refused(tokens []string) Outcome {
	if len(tokens) == 0 {
		return Missing
	}
	return Unknown
}

// principalKey is where a context keeps its principal.
type principalKey struct{}

// NewContext returns a context in which a principal acts.
func NewContext(ctx context.Context, principal Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, principal)
}

// FromContext returns who acts in a context. The zero Principal, of a request that nobody has been authenticated for, may do nothing.
func FromContext(ctx context.Context) Principal {
	principal, _ := ctx.Value(principalKey{}).(Principal)
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

// Authorizer decides what a principal may do.
type Authorizer interface {
	// Authorize returns nil if the principal may do it, the 403 if they may not, and the 404 if they may not even know of it.
	Authorize(ctx context.Context, principal Principal, action Action) error
}

// ActionOf is what a request does by verb to resource, in the organization and to the app or domain that its path names.
func ActionOf(c *gin.Context, verb, resource string) Action {
	return Action{Verb: verb, Resource: resource, Organization: c.Param("org"), Name: cmp.Or(c.Param("app"), c.Param("domain"))}
}

// Require lets a request go on only if its principal may do what it does, as ActionOf says it.
func Require(authorizer Authorizer, verb, resource string) gin.HandlerFunc {
	return func(c *gin.Context) {
		// All organizations are asked about by another path than one without a name.
		if organization, asked := c.Params.Get("org"); asked && organization == "" {
			web.Fail(c, apierr.NotFound())
			return
		}
		if err := authorizer.Authorize(c.Request.Context(), FromContext(c.Request.Context()), ActionOf(c, verb, resource)); err != nil {
			web.Fail(c, err)
		}
	}
}
