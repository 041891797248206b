package profile

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/signin"
	"github.com/berth-dev/berth/internal/apikey"
)

// excludeView is the page that asks before a key is excluded from an organization, or let in again.
type excludeView struct {
	apikey.Key
	// Organization is the one that it is about, and Excluded whether it excludes the key now.
	Organization string
	Excluded     bool
	Back         string
}

// mayExclude tells whether a person may exclude a key from an organization: they may delete the keys of the organization, and it holds elsewhere too. A
// key of one organization is revoked instead.
func (r *rights) mayExclude(ctx context.Context, key apikey.Key, organization string) (bool, error) {
	if len(key.Organizations) < 2 || !slices.Contains(key.Organizations, organization) {
		return false, nil
	}
	return r.may(ctx, "delete", "", organization)
}

// excludable returns the key that the path names if the person may exclude it from the organization that the path names. The error is the 404 if they
// may not know of it, and the 403 if they may not exclude it.
func (p *Pages) excludable(c *gin.Context, session signin.Session) (apikey.Key, error) {
	r := p.rights(session.Person)
	key, err := p.options.Store.KeyByID(c.Param("key"))
	if err != nil {
		return key, err
	}
	if err := p.known(c, r, key); err != nil {
		return key, err
	}
	if !slices.Contains(key.Organizations, c.Param("org")) {
		return key, apierr.NotFound()
	}
	return key, decided(r.mayExclude(c.Request.Context(), key, c.Param("org")))
}

func (p *Pages) askExclude(c *gin.Context, session signin.Session) error {
	key, err := p.excludable(c, session)
	if err != nil {
		return err
	}
	view := excludeView{Key: key, Organization: c.Param("org"), Back: Root + "/?organization=" + url.QueryEscape(c.Param("org"))}
	title := "Exclude this key from " + view.Organization + "?"
	if view.Excluded = p.options.Store.Excluded(view.Organization, key.ID); view.Excluded {
		title = "Let this key into " + view.Organization + " again?"
	}
	p.showTo(c, session, http.StatusOK, pageExclude, title, view)
	return nil
}

// exclude excludes a key from an organization, or lets it in again, in the person's name.
func (p *Pages) exclude(c *gin.Context, session signin.Session) error {
	organization := c.Param("org")
	if _, err := p.write(c, session, "patch", organization, c.Param("key")); err != nil {
		return err
	}
	key, err := p.excludable(c, session)
	if err != nil {
		return err
	}
	change := p.options.Store.ExcludeKey
	switch c.PostForm("then") {
	case "exclude":
	case "admit":
		change = p.options.Store.AdmitKey
	default:
		return apierr.Field("then", "Not a valid choice.")
	}
	person := session.Person
	ctx := auth.NewContext(c.Request.Context(), auth.Principal{Owner: person.Address, User: person.User(), Groups: person.Groups})
	if err := change(ctx, organization, key.ID); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, Root+"/?organization="+url.QueryEscape(organization))
	return nil
}
