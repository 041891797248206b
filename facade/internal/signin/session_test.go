package signin

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/facade/internal/signin/signintest"
	"github.com/berth-dev/berth/internal/apikey"
)

func TestCookie(t *testing.T) {
	w := newWorld(t, nil)
	_, recorder, err := w.signInAs(t, signintest.Person("ann@example.com", "berth:cowork:manager"))
	if err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(t, recorder, sessionCookie)
	hidden := cookie.Secure && cookie.HttpOnly && cookie.SameSite == http.SameSiteLaxMode
	if !strings.HasPrefix(cookie.Name, "__Host-") || !hidden || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("the cookie is %+v", cookie)
	}
	first, ok := w.signIn.Session(get(t, "/profile/", cookie))
	if !ok {
		t.Fatal("there is no session")
	}
	_, again, err := w.signInAs(t, signintest.Person("ann@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if second, ok := w.signIn.Session(get(t, "/profile/", cookieOf(t, again, sessionCookie))); !ok || second.ID == first.ID {
		t.Error("two sign-ins have one session")
	}
	changed := *cookie
	middle := len(changed.Value) / 2
	changed.Value = changed.Value[:middle] + flip(changed.Value[middle]) + changed.Value[middle+1:]
	asLogin := *cookie
	asLogin.Name = loginCookie
	for what, bad := range map[string]*http.Cookie{"a changed cookie": &changed, "a cookie of another name": &asLogin} {
		if _, ok := w.signIn.Session(get(t, "/profile/", bad)); ok {
			t.Errorf("%s is a session", what)
		}
	}
	if _, ok := newWorld(t, func(o *Options) { o.SessionKey = nil }).signIn.Session(get(t, "/profile/", cookie)); ok {
		t.Error("a cookie of another key is a session")
	}
	if _, ok := newWorld(t, nil).signIn.Session(get(t, "/profile/", cookie)); !ok {
		t.Error("another replica with the same key doesn't know the session")
	}
	w.now = w.now.Add(sessionLife)
	if _, ok := w.signIn.Session(get(t, "/profile/", cookie)); ok {
		t.Error("the session never ends")
	}
}

// TestSessionWithoutAccount says that a cookie of a version that kept no account is no session.
func TestSessionWithoutAccount(t *testing.T) {
	w := newWorld(t, nil)
	for name, tc := range map[string]struct {
		issuer, subject string
		want            bool
	}{
		"Both": {issuer: "https://id.example.com", subject: "1", want: true}, "NoSubject": {issuer: "https://id.example.com"},
		"NoIssuer": {subject: "1"}, "Neither": {},
	} {
		sealed := sealedSession{ID: "id", Address: "ann@example.com", Issuer: tc.issuer, Subject: tc.subject, Ends: w.now.Add(time.Minute).Unix()}
		value, err := w.signIn.session.Encode(sessionCookie, sealed)
		if err != nil {
			t.Fatal(err)
		}
		session, ok := w.signIn.Session(get(t, "/profile/", &http.Cookie{Name: sessionCookie, Value: value}))
		if ok != tc.want || ok && session.Person.Account != (apikey.Account{Issuer: tc.issuer, Subject: tc.subject}) {
			t.Errorf("%s: got %+v, %t", name, session, ok)
		}
	}
}

func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestEnd(t *testing.T) {
	recorder := httptest.NewRecorder()
	newWorld(t, nil).signIn.End(recorder)
	if got := recorder.Header().Get("Set-Cookie"); !strings.HasPrefix(got, sessionCookie+"=;") || !strings.Contains(got, "Max-Age=0") {
		t.Errorf("got the cookie %q", got)
	}
}

func TestMAC(t *testing.T) {
	w := newWorld(t, nil)
	if bytes.Equal(w.signIn.MAC("a", "bc"), w.signIn.MAC("ab", "c")) {
		t.Error("two lists of parts have one code")
	}
	if bytes.Equal(w.signIn.MAC("a"), newWorld(t, func(o *Options) { o.SessionKey = nil }).signIn.MAC("a")) {
		t.Error("the code doesn't depend on the key")
	}
}

func TestMistakes(t *testing.T) {
	good := Options{Issuer: "https://id.example.com", ClientID: "berth", PublicURL: publicURL}
	cases := map[string]func(*Options){
		"PlainIssuer": func(o *Options) { o.Issuer = "http://id.example.com" },
		"NoPublicURL": func(o *Options) { o.PublicURL = "" },
		"NoClient":    func(o *Options) { o.ClientID = "" },
		"ShortKey":    func(o *Options) { o.SessionKey = []byte("short") },
		"NoAuthority": func(o *Options) { o.Authorities = []byte("nothing") },
	}
	if _, err := New(good); err != nil {
		t.Errorf("New(...): %v", err)
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			options := good
			change(&options)
			if _, err := New(options); err == nil {
				t.Error("New(...): no error")
			}
		})
	}
}
