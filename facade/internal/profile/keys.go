package profile

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/internal/apikey"
)

// keyIDs are what an id can look like that a page names.
var keyIDs = regexp.MustCompile(`^[0-9a-z]{1,40}$`)

// madeView is the page with a new key.
type madeView struct {
	Key apikey.Key
	// Token is the key itself.
	Token string
	// Old is the key that it replaces, and OldEnds when that stops working; nil if it replaces none.
	Old     *apikey.Key
	OldEnds time.Time
	// Call is an address to try the key with.
	Call string
	// Back is the address of its organization's page.
	Back string
}

// askView is the page that asks before something is done to a key.
type askView struct {
	keyView
	Overlaps []choice
	// Life is how long the key that replaces it lives, in words, if that differs; empty otherwise.
	Life string
	Back string
}

// create makes a key and shows it, once: sent again, the form finds that its key is there.
func (p *Pages) create(c *gin.Context, session signin.Session) error {
	organization, role := c.PostForm("organization"), apikey.Role(c.PostForm("role"))
	nonce, err := p.write(c, session, "create", organization, "")
	if err != nil {
		return err
	}
	if err := p.mayCreate(c, session, organization, role); err != nil {
		return err
	}
	life, err := chosen(c, "expiry", expiriesWithin(p.options.MaxLife))
	if err != nil {
		return err
	}
	spec := apikey.Spec{
		ID: p.keyID(session, nonce, organization), Owner: session.Person.Address, Account: session.Person.Account,
		Description: strings.TrimSpace(c.PostForm("description")),
		Role:        role, Organizations: []string{organization},
	}
	if life > 0 {
		spec.Expires = p.options.Now().Add(life)
	}
	key, token, err := apikey.New(spec)
	if errors.Is(err, apikey.ErrInvalid) {
		return apierr.Field("description", "It takes one line of at most 200 characters.")
	}
	if err != nil {
		return err
	}
	key.OwnerSeen = p.options.Now()
	mw.Made(c, organization, key.ID)
	if err := p.options.Store.CreateKey(c.Request.Context(), key); err != nil {
		return refusal(err)
	}
	p.showTo(c, session, http.StatusCreated, pageMade, "Your new key", p.madeView(key, token))
	return nil
}

// mayCreate is nil if a person may make a key with a role in an organization.
func (p *Pages) mayCreate(c *gin.Context, session signin.Session, organization string, role apikey.Role) error {
	mine, err := p.organizations(c.Request.Context(), session.Person)
	if err != nil {
		return err
	}
	if !slices.Contains(mine, organization) {
		return apierr.NotFound()
	}
	if !slices.Contains(roles, role) {
		return apierr.Field("role", "This is none of the choices.")
	}
	return decided(p.rights(session.Person).may(c.Request.Context(), "create", string(role), organization))
}

func (p *Pages) askRevoke(c *gin.Context, session signin.Session) error {
	view, err := p.ask(c, session)
	if err != nil {
		return err
	}
	if !view.MayRevoke {
		return apierr.Forbidden()
	}
	title := "Revoke this key?"
	if !view.Mine {
		title = "Revoke somebody else's key?"
	}
	p.showTo(c, session, http.StatusOK, pageRevoke, title, view)
	return nil
}

func (p *Pages) revoke(c *gin.Context, session signin.Session) error {
	key, _, err := p.writeKey(c, session, "delete")
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := decided(p.rights(session.Person).mayRevoke(ctx, key)); err != nil {
		return err
	}
	if err := p.options.Store.RevokeKey(ctx, key); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, home(key)+"&"+p.revoked(session, key).Encode())
	return nil
}

func (p *Pages) askRotate(c *gin.Context, session signin.Session) error {
	view, err := p.ask(c, session)
	if err != nil {
		return err
	}
	if !rotatable(view.Key, p.options.Now()) {
		return errNotRotatable()
	}
	if !view.MayRotate {
		return apierr.Forbidden()
	}
	p.showTo(c, session, http.StatusOK, pageRotate, "Replace this key?", view)
	return nil
}

// rotate makes a key that replaces another one and shows it, once.
func (p *Pages) rotate(c *gin.Context, session signin.Session) error {
	old, nonce, err := p.writeKey(c, session, "create")
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := decided(p.rights(session.Person).mayRotate(ctx, p.options.Store.WithoutExclusions(old))); err != nil {
		return err
	}
	overlap, err := chosen(c, "overlap", overlaps)
	if err != nil {
		return err
	}
	id := p.keyID(session, nonce, old.ID)
	if !rotatable(old, p.options.Now()) {
		return p.notRotatable(id)
	}
	old.OwnerSeen = p.options.Now()
	// The new key has the address that its owner has now, and names their account also if the old one named none.
	old.Owner, old.Account = session.Person.Address, session.Person.Account
	key, token, err := p.options.Store.RotateKey(ctx, old, id, overlap)
	if err != nil {
		return refusal(err)
	}
	view := p.madeView(key, token)
	if now, err := p.options.Store.KeyByID(old.ID); err == nil {
		view.Old, view.OldEnds = &now, now.End()
	}
	p.showTo(c, session, http.StatusCreated, pageMade, "Your new key", view)
	return nil
}

// notRotatable is why a key can't be replaced: this very form has done it, with a key that has the id, or somebody else, or it has expired.
func (p *Pages) notRotatable(id string) error {
	if _, err := p.options.Store.KeyByID(id); err == nil {
		return errShown()
	}
	return errNotRotatable()
}

func errNotRotatable() error {
	return apierr.Conflict("This key has expired, or another one replaces it already.")
}

// write says for the audit log what a form does, and refuses one that isn't a page's, and those of somebody who sends too many. It returns the
// form's number.
func (p *Pages) write(c *gin.Context, session signin.Session, verb, organization, name string) (string, error) {
	subject := mw.Subject{User: session.Person.User(), Owner: session.Person.Address, Role: roleIn(session.Person, organization)}
	mw.Act(c, subject, auth.Action{Verb: verb, Resource: "apikeys", Organization: organization, Name: name})
	if wait := p.options.Writes.Take(session.Person.Address); wait > 0 {
		return "", apierr.TooManyRequests(wait)
	}
	return p.checkForm(c, session)
}

// writeKey is write for a form that is about the key that the path names, and returns that as well. The error is the 404 if the person may not
// know of it.
func (p *Pages) writeKey(c *gin.Context, session signin.Session, verb string) (apikey.Key, string, error) {
	key, err := p.options.Store.KeyByID(c.Param("key"))
	organization := ""
	if len(key.Organizations) > 0 {
		organization = key.Organizations[0]
	}
	nonce, refused := p.write(c, session, verb, organization, c.Param("key"))
	if refused != nil {
		return key, "", refused
	}
	if err != nil {
		return key, "", err
	}
	return key, nonce, p.known(c, p.rights(session.Person), key)
}

// known is nil if the person may know of a key, and the 404 if not.
func (*Pages) known(c *gin.Context, r *rights, key apikey.Key) error {
	yes, err := r.maySee(c.Request.Context(), key)
	if err == nil && !yes {
		return apierr.NotFound()
	}
	return err
}

// ask returns what a page shows that asks about the key that the path names.
func (p *Pages) ask(c *gin.Context, session signin.Session) (askView, error) {
	ctx, r := c.Request.Context(), p.rights(session.Person)
	key, err := p.options.Store.KeyByID(c.Param("key"))
	if err != nil {
		return askView{}, err
	}
	if err := p.known(c, r, key); err != nil {
		return askView{}, err
	}
	view, err := p.keyView(ctx, r, key, "")
	shown := askView{keyView: view, Overlaps: overlaps, Back: home(key)}
	if life := key.SuccessorLife(p.options.MaxLife); life != key.SuccessorLife(0) {
		shown.Life = lifeWords(life)
	}
	return shown, err
}

func (p *Pages) madeView(key apikey.Key, token string) madeView {
	call := p.options.SignIn.PublicURL() + "/api/containers/" + key.Organizations[0] + "/apps/"
	return madeView{Key: key, Token: token, Call: call, Back: home(key)}
}

// home is the address of the page that a key is on.
func home(key apikey.Key) string {
	organization := ""
	if len(key.Organizations) > 0 {
		organization = key.Organizations[0]
	}
	return Root + "/?organization=" + url.QueryEscape(organization)
}

func errShown() error {
	return apierr.Conflict("This form has made its key, which was shown then and can't be shown again. If you didn't keep it, revoke it and make another one.")
}
