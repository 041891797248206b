package signin

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/signin/signintest"
	"github.com/berth-dev/berth/internal/apikey"
)

const publicURL = "https://berth.example.com"

// world is an identity provider and what has people sign in with it.
type world struct {
	issuer *signintest.Issuer
	signIn *SignIn
	now    time.Time
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	issuer, err := signintest.New("berth")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Close)
	w := &world{issuer: issuer, now: time.Now()}
	options := Options{
		Issuer: issuer.URL, ClientID: "berth", Authorities: issuer.Authority(), Scopes: []string{"email", "groups"}, GroupsClaim: "groups",
		PublicURL: publicURL, SessionKey: []byte(strings.Repeat("k", MinSessionKey)), Now: func() time.Time { return w.now },
	}
	if change != nil {
		change(&options)
	}
	if w.signIn, err = New(options); err != nil {
		t.Fatal(err)
	}
	return w
}

// begin sends a browser to the provider: it returns where, and the cookie that the browser has then.
func (w *world) begin(t *testing.T) (location string, cookie *http.Cookie) {
	t.Helper()
	recorder := httptest.NewRecorder()
	location, err := w.signIn.Begin(recorder, get(t, "/profile/sign-in"))
	if err != nil {
		t.Fatal(err)
	}
	return location, cookieOf(t, recorder, loginCookie)
}

// finish brings a browser back, with this query and these cookies.
func (w *world) finish(t *testing.T, query string, cookies ...*http.Cookie) (Person, *httptest.ResponseRecorder, error) {
	t.Helper()
	recorder := httptest.NewRecorder()
	person, err := w.signIn.Finish(recorder, get(t, CallbackPath+"?"+query, cookies...))
	return person, recorder, err
}

// signInAs does all of it for somebody with these claims.
func (w *world) signInAs(t *testing.T, claims signintest.Claims) (Person, *httptest.ResponseRecorder, error) {
	t.Helper()
	location, cookie := w.begin(t)
	query, err := w.issuer.Authorize(location, claims)
	if err != nil {
		t.Fatal(err)
	}
	return w.finish(t, query, cookie)
}

func get(t *testing.T, path string, cookies ...*http.Cookie) *http.Request {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, publicURL+path, http.NoBody)
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	return request
}

// cookieOf returns the cookie of this name that an answer sets; nil if it deletes it or doesn't name it.
func cookieOf(t *testing.T, recorder *httptest.ResponseRecorder, name string) *http.Cookie {
	t.Helper()
	for _, cookie := range recorder.Result().Cookies() {
		if cookie.Name == name && cookie.MaxAge > 0 {
			return cookie
		}
	}
	return nil
}

// with returns claims with some of them changed; nil takes one away.
func with(claims, changes signintest.Claims) signintest.Claims {
	maps.Copy(claims, changes)
	return claims
}

func TestSignIn(t *testing.T) {
	ann := func() signintest.Claims { return signintest.Person("ann@example.com", "berth:cowork:manager") }
	cases := map[string]struct {
		reason string
		claims signintest.Claims
		want   int
		words  string
	}{
		"Good":           {reason: "Whom the provider vouches for is signed in.", claims: ann()},
		"VerifiedString": {reason: "Some providers write true as a string.", claims: with(ann(), signintest.Claims{"email_verified": "true"})},
		"Unverified": {
			reason: "An address that nobody has verified may be somebody else's.", claims: with(ann(), signintest.Claims{"email_verified": false}),
			want: http.StatusForbidden, words: "hasn't verified",
		},
		"NotSaid": {
			reason: "Nor has anybody if it isn't said.", claims: with(ann(), signintest.Claims{"email_verified": nil}),
			want: http.StatusForbidden, words: "hasn't verified",
		},
		"NoAddress": {
			reason: "Keys belong to addresses.", claims: with(ann(), signintest.Claims{"email": nil}),
			want: http.StatusForbidden, words: "e-mail address",
		},
		"NoSubject": {
			reason: "An address may be somebody else's later; a subject is not.", claims: with(ann(), signintest.Claims{"sub": nil}),
			want: http.StatusForbidden, words: "no valid sub claim",
		},
		"LongSubject": {
			reason: "It is kept in each key.", claims: with(ann(), signintest.Claims{"sub": strings.Repeat("x", 256)}),
			want: http.StatusForbidden, words: "no valid sub claim",
		},
		"OddAddress": {
			reason: "What is no address alone is none.", claims: with(ann(), signintest.Claims{"email": "Ann <ann@example.com>"}),
			want: http.StatusForbidden, words: "e-mail address",
		},
		"OddGroups": {
			reason: "Groups that can't be read aren't guessed.", claims: with(ann(), signintest.Claims{"groups": map[string]string{"a": "b"}}),
			want: http.StatusForbidden, words: "groups",
		},
		"WrongNonce": {
			reason: "A token of another sign-in is none of this one.", claims: with(ann(), signintest.Claims{"nonce": "another"}),
			want: http.StatusForbidden, words: "can't be verified",
		},
		"NoNonce": {
			reason: "Nor is one that is of none.", claims: with(ann(), signintest.Claims{"nonce": ""}),
			want: http.StatusForbidden, words: "can't be verified",
		},
		"Expired": {
			reason: "A token of the past says nothing of now.", claims: with(ann(), signintest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}),
			want: http.StatusForbidden, words: "can't be verified",
		},
		"OtherAudience": {
			reason: "A token for another client isn't for us.", claims: with(ann(), signintest.Claims{"aud": "another"}),
			want: http.StatusForbidden, words: "can't be verified",
		},
		"OtherIssuer": {
			reason: "Another provider vouches for nobody.", claims: with(ann(), signintest.Claims{"iss": "https://another.example.com"}),
			want: http.StatusForbidden, words: "can't be verified",
		},
	}
	w := newWorld(t, nil)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			person, recorder, err := w.signInAs(t, tc.claims)
			if tc.want != 0 {
				wantRefusal(t, err, tc.want, tc.words)
				if cookieOf(t, recorder, sessionCookie) != nil {
					t.Errorf("\n%s\nthere is a session", tc.reason)
				}
				return
			}
			account := apikey.Account{Issuer: w.issuer.URL, Subject: "ann@example.com"}
			want := Person{Address: "ann@example.com", Account: account, Name: "Ann", Groups: []string{"berth:cowork:manager"}}
			if err != nil || !cmp.Equal(want, person) {
				t.Fatalf("\n%s\nFinish(...): %v, -want, +got:\n%s", tc.reason, err, cmp.Diff(want, person))
			}
			session, ok := w.signIn.Session(get(t, "/profile/", cookieOf(t, recorder, sessionCookie)))
			if diff := cmp.Diff(want, session.Person); !ok || diff != "" {
				t.Errorf("\n%s\nSession(...): %t, -want, +got:\n%s", tc.reason, ok, diff)
			}
		})
	}
}

func wantRefusal(t *testing.T, err error, status int, words string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if e := apierr.From(err); e.Status != status || !strings.Contains(e.Detail, words) {
		t.Errorf("got %d %q, want %d with %q", e.Status, e.Detail, status, words)
	}
}

func TestForgedToken(t *testing.T) {
	w := newWorld(t, nil)
	if _, _, err := w.signInAs(t, signintest.Person("ann@example.com")); err != nil {
		t.Fatal(err) // The provider's key is known by now.
	}
	location, cookie := w.begin(t)
	undo, err := w.issuer.Forge()
	if err != nil {
		t.Fatal(err)
	}
	query, err := w.issuer.Authorize(location, signintest.Person("ann@example.com"))
	undo()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.finish(t, query, cookie)
	wantRefusal(t, err, http.StatusForbidden, "can't be verified")
}

// TestOtherBrowser says that a sign-in ends in the browser that began it, once, or not at all.
func TestOtherBrowser(t *testing.T) {
	w := newWorld(t, nil)
	location, cookie := w.begin(t)
	query, err := w.issuer.Authorize(location, signintest.Person("ann@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	_, other := w.begin(t)
	const lost = "took too long, was begun in another browser"
	_, _, err = w.finish(t, query)
	wantRefusal(t, err, http.StatusBadRequest, lost)
	_, _, err = w.finish(t, query, other)
	wantRefusal(t, err, http.StatusBadRequest, lost)
	_, _, err = w.finish(t, strings.Replace(query, "state=", "other=", 1), cookie)
	wantRefusal(t, err, http.StatusBadRequest, lost)
	if _, _, err = w.finish(t, query, cookie); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.finish(t, query, cookie)
	wantRefusal(t, err, http.StatusForbidden, "didn't confirm")
}

func TestProvidersError(t *testing.T) {
	w := newWorld(t, nil)
	for code, words := range map[string]string{"access_denied": "access_denied", "<b>": "an error"} {
		location, cookie := w.begin(t)
		query, err := w.issuer.Authorize(location, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.finish(t, query+"&error="+code, cookie)
		wantRefusal(t, err, http.StatusForbidden, words)
	}
}

// TestProviderDown says that a provider that can't be reached is asked again, and no more than it can take.
func TestProviderDown(t *testing.T) {
	w := newWorld(t, nil)
	w.issuer.Down = true
	_, err := w.signIn.Begin(httptest.NewRecorder(), get(t, "/profile/sign-in"))
	wantRefusal(t, err, http.StatusServiceUnavailable, "can't be reached")
	w.issuer.Down = false
	if _, err := w.signIn.Begin(httptest.NewRecorder(), get(t, "/profile/sign-in")); err == nil {
		t.Error("the provider was asked again at once")
	}
	w.now = w.now.Add(retryAfter)
	if _, _, err := w.signInAs(t, signintest.Person("ann@example.com")); err != nil {
		t.Errorf("the provider is up again: %v", err)
	}
}
