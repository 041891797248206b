package apikey

import "strings"

// Account identifies a person at an identity provider, which must not give it to another person; an e-mail address can change hands. The zero value is
// no account.
type Account struct {
	// Issuer is the URL of the identity provider, and Subject what it calls the person: the claims iss and sub.
	Issuer, Subject string
}

// OwnedBy reports whether a key belongs to the person with an e-mail address and an account. A key that names an account belongs to it, also when another
// person has the address by now. A key without one, such as those that berthctl makes, belongs to the person with its address.
func (k Key) OwnedBy(address string, account Account) bool {
	if k.Account != (Account{}) {
		return k.Account == account
	}
	return SameOwner(k.Owner, address)
}

// SameHolder reports whether two keys have one owner: the same account or, if one of them names none, the same address.
func (k Key) SameHolder(other Key) bool {
	if k.Account != (Account{}) && other.Account != (Account{}) {
		return k.Account == other.Account
	}
	return SameOwner(k.Owner, other.Owner)
}

// SameOwner tells whether two e-mail addresses are one owner's, which upper and lower case of ASCII make no difference to. Other letters have to
// be the same ones: to Unicode, K and the sign of Kelvin differ by case alone, but a mail server may give either to somebody else. Nobody owns
// what has no owner.
func SameOwner(a, b string) bool { return a != "" && lower(a) == lower(b) }

// lower turns the upper-case letters of ASCII into lower-case ones.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
