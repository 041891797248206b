package signin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/mail"
	"slices"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/rbac"
)

// maxAddress is how long an e-mail address can be (RFC 5321).
const maxAddress = 254

// maxSubject is how long the claim sub can be (OpenID Connect Core, section 2).
const maxSubject = 255

// Person is somebody who has signed in.
type Person struct {
	// Address is their e-mail address, which the identity provider has verified.
	Address string
	// Account is who they are at the identity provider, whatever their address is.
	Account apikey.Account
	// Name is what they are called; may be empty.
	Name string
	// Groups are those of their groups that are Berth's, in the order of the alphabet.
	Groups []string
}

// User is the user that the person acts as.
func (p Person) User() string { return rbac.UserOfPerson(p.Address) }

// Host tells whether the person is of the platform's staff.
func (p Person) Host() bool { return slices.Contains(p.Groups, rbac.GroupHost) }

// Memberships are the person's roles in each organization, as their groups say.
func (p Person) Memberships() map[string][]rbac.Role {
	memberships := map[string][]rbac.Role{}
	for _, group := range p.Groups {
		if organization, role, ok := rbac.Membership(group); ok {
			memberships[organization] = append(memberships[organization], role)
		}
	}
	return memberships
}

// Owns reports whether a key is the person's.
func (p Person) Owns(key apikey.Key) bool { return key.OwnedBy(p.Address, p.Account) }

// claims are what an ID token says.
type claims map[string]json.RawMessage

// person reads who the claims are about. The error says to them why they can't sign in.
func (s *SignIn) person(c claims) (Person, error) {
	address := c.text("email")
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || len(address) > maxAddress {
		return Person{}, refused("Your identity provider doesn't say what your e-mail address is, and that is what keys belong to.", nil)
	}
	if !c.yes("email_verified") {
		return Person{}, refused("Your identity provider hasn't verified your e-mail address. Verify it there, then sign in again.", nil)
	}
	account := apikey.Account{Issuer: s.options.Issuer, Subject: c.text("sub")}
	if account.Subject == "" || len(account.Subject) > maxSubject {
		return Person{}, refused("The ID token has no valid sub claim. Ask the platform's administrators.", nil)
	}
	groups, err := c.list(s.options.GroupsClaim)
	if err != nil {
		return Person{}, refused("Your identity provider doesn't say which groups you are in, in a way that can be understood here.", err)
	}
	return Person{Address: address, Account: account, Name: c.text("name"), Groups: s.options.ours(groups)}, nil
}

// text is the value of a claim that is a string; empty if it isn't.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// yes tells whether a claim is true; some providers write that as a string.
func (c claims) yes(name string) bool {
	var yes bool
	return json.Unmarshal(c[name], &yes) == nil && yes || c.text(name) == "true"
}

// list is the value of a claim that is a list of strings, or a single one. A claim that isn't there is an empty list.
func (c claims) list(name string) ([]string, error) {
	raw, found := c[name]
	if !found || string(raw) == "null" {
		return nil, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list, nil
	}
	var one string
	if json.Unmarshal(raw, &one) != nil {
		return nil, fmt.Errorf("the claim %s is no list of strings", name)
	}
	return []string{one}, nil
}

// refused is the 403 to somebody who can't sign in. The cause, which may be nil, is for the log.
func refused(detail string, cause error) error {
	return (&apierr.Error{Status: http.StatusForbidden, Detail: detail}).Because(cause)
}
