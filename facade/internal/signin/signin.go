// Package signin has people sign in by OpenID Connect, with the authorization code flow and PKCE, and remembers in a cookie who has. It keeps
// nothing itself: any replica with the same session key can go on where another one began. Options.Ended knows which sessions were ended.
package signin

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rootcas"
)

// MinSessionKey is how many bytes a session key has at least.
const MinSessionKey = 32

// CallbackPath is where the identity provider sends browsers back to.
const CallbackPath = "/profile/callback"

// requestTimeout is how long the identity provider may take for one answer.
const requestTimeout = 10 * time.Second

// Options say whom to ask who somebody is, and how.
type Options struct {
	// Issuer is the URL of the identity provider, as its tokens name it.
	Issuer string
	// ClientID is who we are for the identity provider, and ClientSecret how we prove it; a public client has no secret.
	ClientID, ClientSecret string
	// Authorities are certificates, PEM, that the identity provider's may be signed by beside those that the system trusts. May be empty.
	Authorities []byte
	// Scopes are what we ask for; "openid" is always among them.
	Scopes []string
	// GroupsClaim is the claim of the ID token that holds a person's groups, and GroupsPrefix what is put in front of each.
	GroupsClaim, GroupsPrefix string
	// Groups maps groups of the identity provider to groups of Berth. Groups that GroupsPrefix makes groups of Berth count as well. With Groups and
	// without GroupsPrefix, no other group counts.
	Groups GroupMap
	// PublicURL is where browsers reach us: https, a host, no path.
	PublicURL string
	// SessionKey are random bytes, MinSessionKey of them or more, that all replicas share. Without them, a key is made up.
	SessionKey []byte
	// Ended reports whether a person has ended the session with an id; nil if nobody can.
	Ended func(account apikey.Account, id string) bool
	// Now is the clock; nil for the system's.
	Now func() time.Time
}

// SignIn has people sign in.
type SignIn struct {
	options  Options
	provider provider
	// session and login seal the two cookies.
	session, login *securecookie.SecureCookie
	// formKey is the key of MAC.
	formKey []byte
	now     func() time.Time
}

// New checks the options. It doesn't ask the identity provider for anything: that may come up later.
func New(options Options) (*SignIn, error) {
	for what, text := range map[string]string{"issuer": options.Issuer, "public URL": options.PublicURL} {
		if err := checkURL(text); err != nil {
			return nil, fmt.Errorf("the %s %q: %w", what, text, err)
		}
	}
	if options.ClientID == "" {
		return nil, errors.New("the id of the client is missing")
	}
	if len(options.SessionKey) == 0 {
		options.SessionKey = make([]byte, MinSessionKey)
		_, _ = rand.Read(options.SessionKey) // It never fails.
	}
	if len(options.SessionKey) < MinSessionKey {
		return nil, fmt.Errorf("the session key has %d bytes; it takes %d or more", len(options.SessionKey), MinSessionKey)
	}
	client, err := newClient(options.Authorities)
	if err != nil {
		return nil, err
	}
	s := &SignIn{options: options, now: options.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.provider = provider{issuer: options.Issuer, client: client, now: s.now}
	return s, s.deriveKeys()
}

// checkURL tells what is wrong with a URL that is to be an https one without a query.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it takes one like https://example.com")
	}
	return nil
}

// newClient returns the client that talks to the identity provider.
func newClient(trusted []byte) (*http.Client, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the default transport is none of net/http's")
	}
	transport = transport.Clone()
	if len(trusted) > 0 {
		roots, err := rootcas.With(trusted)
		if err != nil {
			return nil, fmt.Errorf("authorities of the identity provider: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: requestTimeout}, nil
}

// deriveKeys makes a key for each purpose out of the session key.
func (s *SignIn) deriveKeys() error {
	keys := map[string][]byte{"cookie authentication": nil, "cookie encryption": nil, "forms": nil}
	for purpose := range keys {
		key, err := hkdf.Key(sha256.New, s.options.SessionKey, nil, "berth profile "+purpose, sha256.Size)
		if err != nil {
			return err
		}
		keys[purpose] = key
	}
	seal := func(name string, life time.Duration) *securecookie.SecureCookie {
		sealed := securecookie.New(keys["cookie authentication"], keys["cookie encryption"])
		// Whether the content has expired, it says itself; this is for what a mistake there would let through.
		return sealed.SetSerializer(securecookie.JSONEncoder{}).MaxAge(int(life.Seconds())).MaxLength(maxCookie - len(name))
	}
	s.session, s.login = seal(sessionCookie, sessionLife), seal(loginCookie, loginLife)
	s.formKey = keys["forms"]
	return nil
}

// MAC is a message authentication code of the parts that nobody can make who has not the session key.
func (s *SignIn) MAC(parts ...string) []byte {
	mac := hmac.New(sha256.New, s.formKey)
	for _, part := range parts {
		// With its length, no two lists of parts are the same bytes.
		_ = binary.Write(mac, binary.BigEndian, uint64(len(part)))
		_, _ = mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// PublicURL is where browsers reach us, without a slash at the end.
func (s *SignIn) PublicURL() string { return s.options.PublicURL }
