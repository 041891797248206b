package apikey

import "strings"

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
