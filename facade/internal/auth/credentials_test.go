package auth

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

// basic is a header Authorization with this between its user name and its password, colon included.
func basic(login string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(login)) }

// TestTokensOf says where in a request its API key is looked for, and in which order.
func TestTokensOf(t *testing.T) {
	one, two := apikey.Prefix+strings.Repeat("1", 40), apikey.Prefix+strings.Repeat("z", 40)
	cases := map[string]struct {
		reason string
		header []string
		want   []string
	}{
		"None":               {},
		"Empty":              {header: []string{""}},
		"User":               {reason: "Existing clients.", header: []string{basic(one + ":")}, want: []string{one}},
		"UserAndPassword":    {reason: "They may send any password.", header: []string{basic(one + ":secret")}, want: []string{one}},
		"Both":               {reason: "Even one that is a key: they would notice otherwise.", header: []string{basic(one + ":" + two)}, want: []string{one}},
		"Same":               {header: []string{basic(one + ":" + one)}, want: []string{one}},
		"Password":           {header: []string{basic(":" + one)}, want: []string{one}},
		"PasswordWithUser":   {header: []string{basic("ann@example.com:" + one)}, want: []string{"ann@example.com", one}},
		"OtherForm":          {reason: "Keys without the prefix may be user names.", header: []string{basic("opaque:x")}, want: []string{"opaque", "x"}},
		"Upper":              {reason: "Keys are case-sensitive.", header: []string{basic("BERTH" + one[5:] + ":" + two)}, want: []string{"BERTH" + one[5:], two}},
		"PrefixedUser":       {reason: "It has not the form of a key.", header: []string{basic("berth_ci:" + two)}, want: []string{"berth_ci", two}},
		"Prefix":             {header: []string{basic("berth_:" + two)}, want: []string{"berth_", two}},
		"Short":              {header: []string{basic(one[:45] + ":" + two)}, want: []string{one[:45], two}},
		"Long":               {header: []string{basic(one + "1:" + two)}, want: []string{one + "1", two}},
		"OtherLetters":       {header: []string{basic(one[:45] + "-:" + two)}, want: []string{one[:45] + "-", two}},
		"LineBreak":          {header: []string{basic(one + "\n:" + two)}, want: []string{one + "\n", two}},
		"ColonInPassword":    {header: []string{basic("x:a:b")}, want: []string{"x", "a:b"}},
		"SchemeInLowerCase":  {header: []string{strings.Replace(basic(":"+one), "Basic", "basic", 1)}, want: []string{one}},
		"NoColon":            {header: []string{basic(one)}},
		"NoBase64":           {header: []string{"Basic " + one}},
		"NeitherInBasic":     {header: []string{basic(":")}},
		"Bearer":             {header: []string{"Bearer " + one}, want: []string{one}},
		"BearerInUpperCase":  {header: []string{"BEARER " + one}, want: []string{one}},
		"BearerSpaces":       {header: []string{"Bearer   " + one + " "}, want: []string{one}},
		"BearerOfOtherForm":  {header: []string{"Bearer opaque"}, want: []string{"opaque"}},
		"BearerWithoutToken": {header: []string{"Bearer"}},
		"BearerWithSpace":    {header: []string{"Bearer "}},
		"BearerOfBasic":      {reason: "A login is no token.", header: []string{"Bearer " + one + ":" + two}, want: []string{one + ":" + two}},
		"OtherScheme":        {header: []string{"Token " + one}},
		"NoScheme":           {header: []string{one}},
		"TwoHeaders":         {reason: "The first counts, as for net/http.", header: []string{"Bearer " + one, basic(":" + two)}, want: []string{one}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.Header["Authorization"] = tc.header
			if diff := cmp.Diff(tc.want, tokensOf(r)); diff != "" {
				t.Errorf("\n%s\ntokensOf(%q): -want, +got:\n%s", tc.reason, tc.header, diff)
			}
		})
	}
}

// faultyKeys find a key for every hash.
type faultyKeys struct{ key apikey.Key }

func (f faultyKeys) KeyByHash(string) (apikey.Key, bool) { return f.key, true }
func (faultyKeys) Used(apikey.Key)                       {}
func (faultyKeys) CheckOwner(apikey.Key) error           { return nil }

// TestFind says that the key of another token is not taken for one's own, even if the lookup returns it.
func TestFind(t *testing.T) {
	key, token, err := apikey.New(apikey.Spec{Role: apikey.RoleHost})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		tokens []string
		want   bool
	}{
		"None":   {},
		"Own":    {tokens: []string{token}, want: true},
		"Second": {tokens: []string{"ann@example.com", token}, want: true},
		"Other":  {tokens: []string{token + "x", "ann@example.com"}},
	} {
		if got, found := find(faultyKeys{key}, tc.tokens); found != tc.want || found && got.ID != key.ID {
			t.Errorf("%s: got %+v, %t", name, got, found)
		}
	}
}
