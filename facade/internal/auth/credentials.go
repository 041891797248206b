package auth

import (
	"crypto/subtle"
	"net/http"
	"regexp"
	"strings"

	"github.com/berth-dev/berth/internal/apikey"
)

// bearer is the scheme of RFC 6750.
const bearer = "Bearer"

// keyForm is the form of every key that apikey.New makes.
var keyForm = regexp.MustCompile("^" + regexp.QuoteMeta(apikey.Prefix) + "[0-9A-Za-z]{40}$")

// tokensOf returns what a request sends that may be its API key, in the order in which it is looked up; none of it is empty.
//
// A key is the token of a bearer, or the password of HTTP Basic authentication. It may also be the user name, as clients send it that were written
// when nothing else was possible, with any password. So a user name that has the form of a key is the only candidate: of two keys, the one in the
// user name counts, and one that was revoked is refused, whatever the password is. Otherwise the user name is looked up first, for keys of another
// form, and the password next.
func tokensOf(r *http.Request) []string {
	user, password, basic := r.BasicAuth()
	switch {
	case !basic:
		return withoutEmpty(bearerToken(r.Header.Get("Authorization")))
	case keyForm.MatchString(user):
		return []string{user}
	default:
		return withoutEmpty(user, password)
	}
}

// bearerToken returns the token of a header Authorization; empty if it is of another scheme.
func bearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, bearer) {
		return ""
	}
	return strings.Trim(token, " ")
}

func withoutEmpty(candidates ...string) []string {
	var tokens []string
	for _, candidate := range candidates {
		if candidate != "" {
			tokens = append(tokens, candidate)
		}
	}
	return tokens
}

// find returns the key of the first token that is a valid key's.
func find(keys Keys, tokens []string) (apikey.Key, bool) {
	for _, token := range tokens {
		hash := apikey.Hash(token)
		key, known := keys.KeyByHash(hash)
		// The lookup compares hashes, so its time does not help to guess a token. The comparison is there so that a fault of the lookup does not
		// accept another token.
		if known && subtle.ConstantTimeCompare([]byte(hash), []byte(key.Hash)) == 1 {
			return key, true
		}
	}
	return apikey.Key{}, false
}
