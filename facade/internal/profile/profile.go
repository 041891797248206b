// Package profile is the pages on which people see the API keys of their organizations, and make, replace and revoke them, once they have signed
// in. Everything is rendered here; there is no script, and nothing comes from elsewhere.
package profile

import (
	"context"
	"crypto/sha256"
	_ "embed" // For the style.
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/look"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/apikey"
)

// Root is the path of the pages, without the slash at its end.
const Root = "/profile"

// policy is the Content-Security-Policy of every page: the style, forms to us, and nothing else.
const policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Store is where organizations and keys are. Its errors are what web.Fail takes.
type Store interface {
	// Organizations are the names of all organizations, sorted.
	Organizations(ctx context.Context) ([]string, error)
	// Slugs are the slugs of an organization's apps, sorted.
	Slugs(organization string) []string
	// Keys are the API keys that hold in an organization by its name.
	Keys(organization string) []apikey.Key
	// KeysOf are the API keys of the person with an e-mail address and an account.
	KeysOf(address string, account apikey.Account) []apikey.Key
	// KeyByID returns the key with this id, or the 404.
	KeyByID(id string) (apikey.Key, error)
	// CheckKey returns an *apikey.LimitError if a key exceeds the limits of its owner or of an organization.
	CheckKey(key apikey.Key) error
	// CreateKey writes a key; apierrors.IsAlreadyExists tells whether there is one with its id, *apikey.LimitError that there are too many.
	CreateKey(ctx context.Context, key apikey.Key) error
	// RevokeKey deletes a key.
	RevokeKey(ctx context.Context, key apikey.Key) error
	// RotateKey makes a key, with this id, that replaces another one, which stops working after overlap.
	RotateKey(ctx context.Context, old apikey.Key, id string, overlap time.Duration) (apikey.Key, string, error)
	// Excluded reports whether an organization excludes a key.
	Excluded(organization, id string) bool
	// WithoutExclusions returns a key with the organizations alone in which it holds.
	WithoutExclusions(key apikey.Key) apikey.Key
	// ExcludeKey excludes a key from an organization, as whoever acts in ctx.
	ExcludeKey(ctx context.Context, organization, id string) error
	// AdmitKey lets a key hold in an organization again, as whoever acts in ctx.
	AdmitKey(ctx context.Context, organization, id string) error
	// OwnerSeen notes that a person has signed in, without waiting for anything.
	OwnerSeen(account apikey.Account)
	// Dormant reports whether a key does not work until its owner signs in again.
	Dormant(key apikey.Key) bool
	// EndSession ends a session of a person, by its id, on every replica.
	EndSession(ctx context.Context, account apikey.Account, id string) error
}

// Reviewer decides what people may do.
type Reviewer interface {
	// May reports whether a person has the right to an action. In an action that creates an API key, Name is the role of the key.
	May(ctx context.Context, person signin.Person, action auth.Action) (bool, error)
}

// Options are what the pages work with.
type Options struct {
	// SignIn has people sign in; nil if nobody can.
	SignIn *signin.SignIn
	// Store is where organizations and keys are.
	Store Store
	// Reviewer decides what people may do.
	Reviewer Reviewer
	// SignIns limits how often browsers of one network come back from signing in, Writes how often one person changes something. Nil for no limit.
	SignIns, Writes *limit.Limiter
	// MaxLife is how long a key lives at most that is made here; 0 for any time.
	MaxLife time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Pages serve requests below Root.
type Pages struct {
	options Options
	style   []byte
	// stylePath is where the style is, by a name that changes with it.
	stylePath string
}

//go:embed profile.css
var style string

// New makes Pages.
func New(options Options) *Pages {
	p := &Pages{options: options, style: []byte(look.Style + style)}
	hash := sha256.Sum256(p.style)
	p.stylePath = Root + "/style-" + hex.EncodeToString(hash[:6]) + ".css"
	return p
}

// Prepare gives the answers to requests for the pages, errors included, their headers and their looks. It has to come before whatever may refuse
// a request.
func (p *Pages) Prepare(c *gin.Context) {
	if path := c.Request.URL.Path; path != Root && !strings.HasPrefix(path, Root+"/") {
		return
	}
	c.Header("Content-Security-Policy", policy)
	// With no-referrer, browsers say of our own forms that they come from nowhere.
	c.Header("Referrer-Policy", "same-origin")
	c.Header("Cross-Origin-Opener-Policy", "same-origin")
	web.ShowErrors(c, p.fail)
}

// Routes adds the pages to an engine. What is given in front runs before each page, but for the style.
func (p *Pages) Routes(engine *gin.Engine, front ...gin.HandlerFunc) {
	engine.GET(p.stylePath, func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
		c.Data(http.StatusOK, "text/css; charset=utf-8", p.style)
	})
	pages := engine.Group(Root, front...)
	if p.options.SignIn == nil {
		pages.GET("", handle(closed))
		pages.GET("/", handle(closed))
		return
	}
	pages.GET("", handle(p.index))
	pages.GET("/", handle(p.index))
	pages.GET("/sign-in", handle(p.beginSignIn))
	pages.GET(strings.TrimPrefix(signin.CallbackPath, Root), handle(p.finishSignIn))
	pages.POST("/sign-out", p.signedIn(p.signOut))
	pages.POST("/keys", p.signedIn(p.create))
	// The address of the page with a new key is that of the form: a person may ask for it again.
	for _, path := range []string{"/keys", "/keys/", "/sign-out"} {
		pages.GET(path, func(c *gin.Context) { c.Redirect(http.StatusSeeOther, Root+"/") })
	}
	pages.GET("/keys/:key/revoke", p.signedIn(p.askRevoke))
	pages.POST("/keys/:key/revoke", p.signedIn(p.revoke))
	pages.GET("/keys/:key/exclude/:org", p.signedIn(p.askExclude))
	pages.POST("/keys/:key/exclude/:org", p.signedIn(p.exclude))
	pages.GET("/keys/:key/rotate", p.signedIn(p.askRotate))
	pages.POST("/keys/:key/rotate", p.signedIn(p.rotate))
}

// closed is the page where nobody can sign in.
func closed(*gin.Context) error {
	const detail = "Nobody can sign in here: no identity provider is set up. API keys come from the platform's administrators."
	return &apierr.Error{Status: http.StatusNotFound, Detail: detail}
}

// handle makes a gin handler of one that returns an error.
func handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			web.Fail(c, err)
		}
	}
}

// signedIn makes a gin handler of one that is for people who have signed in. Others are sent to where they can.
func (p *Pages) signedIn(h func(*gin.Context, signin.Session) error) gin.HandlerFunc {
	return handle(func(c *gin.Context) error {
		session, ok := p.options.SignIn.Session(c.Request)
		if !ok {
			c.Redirect(http.StatusSeeOther, Root+"/?ended=1")
			return nil
		}
		return h(c, session)
	})
}
