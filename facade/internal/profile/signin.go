package profile

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/signin"
)

// beginSignIn sends a browser to the identity provider.
func (p *Pages) beginSignIn(c *gin.Context) error {
	location, err := p.options.SignIn.Begin(c.Writer, c.Request)
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, location)
	return nil
}

// finishSignIn takes a browser that comes back from the identity provider.
func (p *Pages) finishSignIn(c *gin.Context) error {
	if wait := p.options.SignIns.Take(auth.Network(c.ClientIP())); wait > 0 {
		return apierr.TooManyRequests(wait)
	}
	if _, err := p.options.SignIn.Finish(c.Writer, c.Request); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, Root+"/")
	return nil
}

func (p *Pages) signOut(c *gin.Context, session signin.Session) error {
	if _, err := p.checkForm(c, session); err != nil {
		return err
	}
	p.options.SignIn.End(c.Writer)
	c.Redirect(http.StatusSeeOther, Root+"/")
	return nil
}
