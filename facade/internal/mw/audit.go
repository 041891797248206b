package mw

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/auth"
)

// Keys under which a request's context has what its handlers say of it.
const (
	deedKey = "berth.dev/deed"
	madeKey = "berth.dev/made"
)

// Subject is who does something.
type Subject struct {
	// User is the user that they act as at the API server, whose own audit log names it as well; empty for nobody known.
	User string
	// Owner is the e-mail address of who holds the API key or has signed in; may be empty.
	Owner string
	// Role is what they may do, as far as one word says it; may be empty.
	Role string
}

type deed struct {
	subject Subject
	action  auth.Action
}

// Act says who does what by this request, where its API key and its route don't. To be called as soon as that is known, so that the line about a
// request that is refused says it as well.
func Act(c *gin.Context, subject Subject, action auth.Action) {
	c.Set(deedKey, deed{subject: subject, action: action})
}

// Made says what this request has made, where its path doesn't.
func Made(c *gin.Context, organization, name string) {
	c.Set(madeKey, auth.Action{Organization: organization, Name: name})
}

// writes tells whether a request is for a route that changes something.
func writes(c *gin.Context) bool {
	return c.FullPath() != "" && !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, c.Request.Method)
}

// audit is what the line about a write says beside what the line about any request says: who does what to what. Names are all that it takes
// from what the client sent.
func audit(c *gin.Context, describe func(*gin.Context) auth.Action) []slog.Attr {
	done, ok := c.Value(deedKey).(deed)
	if !ok {
		done = deed{subject: subjectOf(c), action: describe(c)}
	}
	if made, ok := c.Value(madeKey).(auth.Action); ok {
		done.action.Organization, done.action.Name = made.Organization, made.Name
	}
	return []slog.Attr{
		slog.String("user", done.subject.User),
		slog.String("owner", done.subject.Owner),
		slog.String("role", done.subject.Role),
		slog.String("verb", done.action.Verb),
		slog.String("resource", done.action.Resource),
		slog.String("organization", cut(done.action.Organization)),
		slog.String("name", cut(done.action.Name)),
	}
}

// subjectOf is whoever holds the API key that a request came with; nobody without one that is valid.
func subjectOf(c *gin.Context) Subject {
	principal := auth.FromContext(c.Request.Context())
	return Subject{User: principal.User, Owner: principal.Owner, Role: string(principal.Role)}
}
