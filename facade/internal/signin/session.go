package signin

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
)

const (
	// The prefix of the names keeps browsers from taking such a cookie over plain HTTP, from another host or for part of the paths.
	sessionCookie = "__Host-berth-session"
	loginCookie   = "__Host-berth-sign-in"
	// sessionLife is how long somebody stays signed in, and so how long they keep the groups that they had then.
	sessionLife = time.Hour
	// loginLife is how long somebody may take to sign in at the identity provider.
	loginLife = 15 * time.Minute
	// maxCookie is how long the name and the value of a cookie can be for every browser.
	maxCookie = 4096
)

// Session is one stay of a person.
type Session struct {
	Person Person
	// ID is random, another one at each sign-in. It is in no page: forms are bound to it.
	ID string
	// Ends is when the person has to sign in again.
	Ends time.Time
}

// sealedSession is a Session as the cookie holds it. Groups are without what all of them begin with: a cookie is small.
type sealedSession struct {
	ID      string   `json:"i"`
	Address string   `json:"a"`
	Issuer  string   `json:"p"`
	Subject string   `json:"s"`
	Name    string   `json:"n,omitempty"`
	Groups  []string `json:"g,omitempty"`
	Ends    int64    `json:"e"`
}

// Session returns the request's session; false if nobody has signed in, or not lately, or they have signed out since.
func (s *SignIn) Session(r *http.Request) (Session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Session{}, false
	}
	var sealed sealedSession
	if s.session.Decode(sessionCookie, cookie.Value, &sealed) != nil {
		return Session{}, false
	}
	ends := time.Unix(sealed.Ends, 0)
	// Sessions of versions that did not store the account are not valid: the keys of the person are unknown.
	if !s.now().Before(ends) || sealed.Issuer == "" || sealed.Subject == "" {
		return Session{}, false
	}
	person := Person{Address: sealed.Address, Account: apikey.Account{Issuer: sealed.Issuer, Subject: sealed.Subject}, Name: sealed.Name}
	for _, group := range sealed.Groups {
		person.Groups = append(person.Groups, rbac.Prefix+group)
	}
	if s.options.Ended != nil && s.options.Ended(person.Account, sealed.ID) {
		return Session{}, false
	}
	return Session{Person: person, ID: sealed.ID, Ends: ends}, true
}

// remember begins a session. The error says to the person that they are in too many groups.
func (s *SignIn) remember(w http.ResponseWriter, person Person) error {
	sealed := sealedSession{
		ID: rand.Text(), Address: person.Address, Issuer: person.Account.Issuer, Subject: person.Account.Subject, Name: person.Name,
		Ends: s.now().Add(sessionLife).Unix(),
	}
	for _, group := range person.Groups {
		sealed.Groups = append(sealed.Groups, strings.TrimPrefix(group, rbac.Prefix))
	}
	value, err := s.session.Encode(sessionCookie, sealed)
	if err != nil {
		const detail = "You are in too many groups of this platform for a browser to remember. Ask the platform's administrators, who can make keys for you."
		return refused(detail, err)
	}
	setCookie(w, sessionCookie, value, sessionLife)
	return nil
}

// End takes the session from the browser. Copies of its cookie are valid until Options.Ended knows of its end.
func (*SignIn) End(w http.ResponseWriter) { setCookie(w, sessionCookie, "", 0) }

// setCookie sets a cookie, or deletes it if it has no life.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	maxAge := int(life.Seconds())
	if maxAge == 0 {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would withhold it from the browser that comes back from the identity provider.
	})
}
