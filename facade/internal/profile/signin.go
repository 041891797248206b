package profile

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/auth"
	"github.com/berth-dev/berth/facade/internal/mw"
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
	person, err := p.options.SignIn.Finish(c.Writer, c.Request)
	if err != nil {
		return err
	}
	p.options.Store.OwnerSeen(person.Account)
	c.Redirect(http.StatusSeeOther, Root+"/")
	return nil
}

// signOut ends a session in the browser, and on every replica for whoever has a copy of its cookie.
func (p *Pages) signOut(c *gin.Context, session signin.Session) error {
	subject := mw.Subject{User: session.Person.User(), Owner: session.Person.Address}
	mw.Act(c, subject, auth.Action{Verb: "delete", Resource: "sessions"})
	if _, err := p.checkForm(c, session); err != nil {
		return err
	}
	p.options.SignIn.End(c.Writer)
	if err := p.options.Store.EndSession(c.Request.Context(), session.Person.Account, session.ID); err != nil {
		c.Request.Header.Del("Cookie") // The page of the error is shown to somebody who has signed out.
		unfinished := apierr.Unavailable(err)
		unfinished.Detail = "You are signed out in this browser. Whoever has a copy of its cookies could use your session until " +
			session.Ends.UTC().Format("15:04 UTC") + ", as the platform could not record its end."
		return unfinished
	}
	c.Redirect(http.StatusSeeOther, Root+"/")
	return nil
}
