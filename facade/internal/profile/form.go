package profile

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/signin"
)

const (
	day = 24 * time.Hour
	// idLength is how many hexadecimal digits the ids of keys have that are made here: so many that no two forms have the same.
	idLength = 20
)

// choice is a length of time that a form offers.
type choice struct {
	// Value is what the form sends.
	Value string
	// Text is what people read.
	Text string
	// length is 0 for a key that never expires, or one that stops at once.
	length time.Duration
}

var (
	expiries = []choice{{"30d", "in 30 days", 30 * day}, {"90d", "in 90 days", 90 * day}, {"365d", "in 1 year", 365 * day}, {"never", "never", 0}}
	overlaps = []choice{{"1h", "in an hour", time.Hour}, {"1d", "in a day", day}, {"7d", "in a week", 7 * day}, {"now", "at once", 0}}
)

// usualExpiry is the choice that the form has at first, if it is offered.
const usualExpiry = "90d"

// expiriesWithin are the choices of keys that live for longest at most, and longest itself; 0 is for any time.
func expiriesWithin(longest time.Duration) []choice {
	if longest == 0 {
		return expiries
	}
	offered := slices.DeleteFunc(slices.Clone(expiries), func(c choice) bool { return c.length == 0 || c.length > longest })
	if len(offered) == 0 || offered[len(offered)-1].length < longest {
		offered = append(offered, choice{Value: longest.String(), Text: "in " + lifeWords(longest), length: longest})
	}
	return offered
}

// lifeWords are a length of time in days, if it is one.
func lifeWords(life time.Duration) string {
	switch {
	case life == day:
		return "1 day"
	case life%day == 0:
		return fmt.Sprintf("%d days", life/day)
	case life%time.Hour == 0:
		return fmt.Sprintf("%d hours", life/time.Hour)
	}
	return life.String()
}

// preselected is the choice that the form has at first: the usual one, or else the longest.
func preselected(offered []choice) string {
	if slices.ContainsFunc(offered, func(c choice) bool { return c.Value == usualExpiry }) {
		return usualExpiry
	}
	return offered[len(offered)-1].Value
}

// chosen returns the choice that a form has sent; the error is the 400 if it is none of them.
func chosen(c *gin.Context, field string, choices []choice) (time.Duration, error) {
	value := c.PostForm(field)
	i := slices.IndexFunc(choices, func(one choice) bool { return one.Value == value })
	if i < 0 {
		return 0, apierr.Field(field, "This is none of the choices.")
	}
	return choices[i].length, nil
}

// newForm returns what every form of a session carries: a number that is used once, and the proof that it comes from a page of this session.
func (p *Pages) newForm(session signin.Session) string {
	nonce := rand.Text()
	return nonce + "." + p.proof(session, nonce)
}

func (p *Pages) proof(session signin.Session, nonce string) string {
	return base64.RawURLEncoding.EncodeToString(p.options.SignIn.MAC("form", session.ID, nonce))
}

// checkForm returns the number of a form; the error is the 403 of one that is from no page of this session.
func (p *Pages) checkForm(c *gin.Context, session signin.Session) (string, error) {
	nonce, proof, _ := strings.Cut(c.PostForm("form"), ".")
	if nonce == "" || !hmac.Equal([]byte(proof), []byte(p.proof(session, nonce))) {
		const detail = "This form is from before you signed in, or from somewhere else. Nothing was changed. Go back to your keys and try again."
		return "", &apierr.Error{Status: http.StatusForbidden, Detail: detail}
	}
	return nonce, nil
}

// keyID is the id of the key that a form makes of something, an organization or another key: always the same, so that a form makes one key,
// however often it is sent.
func (p *Pages) keyID(session signin.Session, nonce, of string) string {
	return hex.EncodeToString(p.options.SignIn.MAC("key", session.ID, nonce, of))[:idLength]
}
