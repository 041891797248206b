package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/berth-dev/berth/facade/internal/apierr"
)

// login is what is remembered of a sign-in that is under way.
type login struct {
	// State comes back with the browser, Nonce in the ID token, and Verifier proves that whoever trades the code in is who asked for it.
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// errorCode is what OAuth's error codes look like.
var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Begin begins a sign-in and returns the address of the identity provider that the browser has to go to. The error is the 503 if that can't be
// reached.
func (s *SignIn) Begin(w http.ResponseWriter, r *http.Request) (string, error) {
	found, err := s.provider.get(r.Context())
	if err != nil {
		return "", unavailable(err)
	}
	l := login{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	value, err := s.login.Encode(loginCookie, l)
	if err != nil {
		return "", apierr.Internal(err)
	}
	setCookie(w, loginCookie, value, loginLife)
	return s.config(found).AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), nil
}

// Finish ends the sign-in of a browser that has come back, and begins a session. The error says to the person why they aren't signed in.
func (s *SignIn) Finish(w http.ResponseWriter, r *http.Request) (Person, error) {
	l, err := s.began(r)
	setCookie(w, loginCookie, "", 0) // One attempt each.
	query := r.URL.Query()
	if code := query.Get("error"); code != "" { // A provider may say so without naming the sign-in that it is about.
		return Person{}, declined(code)
	}
	if err != nil {
		return Person{}, err
	}
	found, err := s.provider.get(r.Context())
	if err != nil {
		return Person{}, unavailable(err)
	}
	ctx := s.provider.with(r.Context())
	raw, err := s.exchange(ctx, found, query.Get("code"), l)
	if err != nil {
		return Person{}, err
	}
	c, err := s.verify(ctx, found, raw, l)
	if err != nil {
		return Person{}, refused("What the identity provider says of you can't be verified. Sign in again.", err)
	}
	person, err := s.person(c)
	if err != nil {
		return Person{}, err
	}
	return person, s.remember(w, person)
}

// declined is the error of somebody whom the identity provider sent back without signing them in.
func declined(code string) error {
	if code == "access_denied" {
		return refused("You are not signed in: you have cancelled it, or the identity provider doesn't let you in (access_denied).", nil)
	}
	if !errorCode.MatchString(code) {
		code = "an error"
	}
	return refused("The identity provider didn't sign you in; it answered: "+code+".", nil)
}

// began returns the sign-in that a browser comes back from. The error is the 400 if it began none, or another one.
func (s *SignIn) began(r *http.Request) (login, error) {
	lost := apierr.BadRequest("This sign-in was cancelled, took too long, was begun in another browser, or has ended already. Sign in again.")
	cookie, err := r.Cookie(loginCookie)
	if err != nil {
		return login{}, lost
	}
	var l login
	if err := s.login.Decode(loginCookie, cookie.Value, &l); err != nil {
		return login{}, lost.Because(err)
	}
	if !same(l.State, r.URL.Query().Get("state")) {
		return login{}, lost.Because(errors.New("the state is another one"))
	}
	return l, nil
}

// exchange trades the code in for the ID token.
func (s *SignIn) exchange(ctx context.Context, found *oidc.Provider, code string, l login) (string, error) {
	token, err := s.config(found).Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		// Its own words may quote the answer.
		cause := fmt.Errorf("the token endpoint answered %d %s", answer.Response.StatusCode, answer.ErrorCode)
		return "", refused("The identity provider didn't confirm that it has signed you in. Sign in again.", cause)
	}
	if err != nil {
		return "", unavailable(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", refused("The identity provider doesn't say who you are.", errors.New("there is no ID token"))
	}
	return raw, nil
}

// verify returns the claims of an ID token that is signed by the provider, for us, for now and for this sign-in.
func (s *SignIn) verify(ctx context.Context, found *oidc.Provider, raw string, l login) (claims, error) {
	token, err := found.VerifierContext(ctx, &oidc.Config{ClientID: s.options.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !same(token.Nonce, l.Nonce) {
		return nil, errors.New("the nonce is another one")
	}
	var c claims
	return c, token.Claims(&c)
}

// config is the client as the provider knows it.
func (s *SignIn) config(found *oidc.Provider) *oauth2.Config {
	scopes := s.options.Scopes
	if !slices.Contains(scopes, oidc.ScopeOpenID) {
		scopes = append([]string{oidc.ScopeOpenID}, scopes...)
	}
	return &oauth2.Config{
		ClientID: s.options.ClientID, ClientSecret: s.options.ClientSecret,
		Endpoint: found.Endpoint(), RedirectURL: s.options.PublicURL + CallbackPath, Scopes: scopes,
	}
}

// same compares in a time that tells nothing. Nothing is the same as nothing.
func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// unavailable is the 503 of an identity provider that can't be reached.
func unavailable(cause error) error {
	e := apierr.Unavailable(cause)
	e.Detail = "Nobody can sign in at the moment: the identity provider can't be reached. API keys go on working. Try again in a minute."
	return e
}
