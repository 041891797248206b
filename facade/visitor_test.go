package facade

import (
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/facade/internal/signin/signintest"
)

// signingIn lets people sign in with the suite's identity provider.
func signingIn(options *Options) {
	options.SignIn = SignIn{
		Issuer: suite.identity.URL, ClientID: suite.identity.ClientID, Authorities: suite.identity.Authority(), GroupsClaim: "groups",
		PublicURL: "https://berth.example.com", SessionKey: []byte(strings.Repeat("k", 32)),
	}
}

// visitor is somebody's browser.
type visitor struct {
	client *http.Client
	url    string
}

// page is what a visitor sees.
type page struct {
	status int
	header http.Header
	text   string
}

var (
	formField = regexp.MustCompile(`name="form" value="([^"]+)"`)
	newToken  = regexp.MustCompile(`berth_[0-9A-Za-z]{40}`)
	newID     = regexp.MustCompile(`<dt>Id</dt><dd><code>([0-9a-z]+)</code>`)
)

// stranger is the browser of somebody who hasn't signed in.
func stranger(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	asIs := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{client: &http.Client{Transport: suite.transport, Jar: jar, CheckRedirect: asIs, Timeout: time.Minute}, url: suite.url}
}

// visit signs somebody in who is in these groups.
func visit(t *testing.T, address string, groups ...string) *visitor {
	t.Helper()
	v := stranger(t)
	query, err := suite.identity.Authorize(v.get(t, "/profile/sign-in").want(t, http.StatusSeeOther).header.Get("Location"), signintest.Person(address, groups...))
	if err != nil {
		t.Fatal(err)
	}
	v.get(t, "/profile/callback?"+query).want(t, http.StatusSeeOther)
	return v
}

func (v *visitor) get(t *testing.T, path string) page {
	t.Helper()
	return v.send(t, http.MethodGet, path, nil, nil)
}

// post sends a form, with what every form of the page at from carries.
func (v *visitor) post(t *testing.T, from, path string, values url.Values) page {
	t.Helper()
	return v.send(t, http.MethodPost, path, plus(values, "form", v.form(t, from)), nil)
}

// form is what the forms of a page carry.
func (v *visitor) form(t *testing.T, from string) string {
	t.Helper()
	found := formField.FindStringSubmatch(v.get(t, from).want(t, http.StatusOK).text)
	if found == nil {
		t.Fatalf("%s has no form", from)
	}
	return found[1]
}

func (v *visitor) send(t *testing.T, method, path string, values url.Values, header http.Header) page {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, v.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	if values != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{status: response.StatusCode, header: response.Header, text: string(text)}
}

// want fails the test unless the page has this status. What it says may hold a key, and isn't told.
func (p page) want(t *testing.T, status int) page {
	t.Helper()
	if p.status != status {
		t.Fatalf("got the page %d, want %d: %s", p.status, status, newToken.ReplaceAllString(p.text, "KEY"))
	}
	return p
}

// mustSay fails the test unless the page says something.
func (p page) mustSay(t *testing.T, words string) {
	t.Helper()
	if !strings.Contains(p.text, words) {
		t.Errorf("the page %d doesn't say %q: %s", p.status, words, newToken.ReplaceAllString(p.text, "KEY"))
	}
}

// key reads a new key, and its id, from the page that shows it.
func (p page) key(t *testing.T) (id, token string) {
	t.Helper()
	found := newID.FindStringSubmatch(p.text)
	if token = newToken.FindString(p.text); token == "" || found == nil {
		t.Fatal("the page shows no key")
	}
	return found[1], token
}

// plus returns values with one more, or another one.
func plus(values url.Values, name, value string) url.Values {
	all := maps.Clone(values)
	if all == nil {
		all = url.Values{}
	}
	all.Set(name, value)
	return all
}

// wish are the values of a form that makes a key.
func wish(organization, role string) url.Values {
	return url.Values{"organization": {organization}, "role": {role}, "description": {"for <tests>"}, "expiry": {"30d"}}
}
