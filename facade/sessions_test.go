package facade

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/internal/apikey"
)

// cookies are those that a visitor's browser sends.
func (v *visitor) cookies(t *testing.T) []*http.Cookie {
	t.Helper()
	address, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	return v.client.Jar.Cookies(address)
}

// copied is another browser with the same cookies, at a server.
func (v *visitor) copied(t *testing.T, server string) *visitor {
	t.Helper()
	thief := stranger(t)
	thief.url = server
	address, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var cookies []*http.Cookie
	for _, c := range v.cookies(t) {
		cookies = append(cookies, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", Secure: true})
	}
	thief.client.Jar.SetCookies(address, cookies)
	return thief
}

func (v *visitor) signedIn(t *testing.T) bool {
	t.Helper()
	return strings.Contains(v.get(t, "/profile/").want(t, http.StatusOK).text, "Sign out")
}

// endedSessions are the Secrets of ended sessions.
func endedSessions(t *testing.T) []corev1.Secret {
	t.Helper()
	var secrets corev1.SecretList
	labelled := client.MatchingLabels{v1alpha1.LabelSecret: v1alpha1.SecretEndedSession}
	if err := suite.cluster.List(t.Context(), &secrets, client.InNamespace(keysSpace), labelled); err != nil {
		t.Fatal(err)
	}
	return secrets.Items
}

// TestSignOutEverywhere says that a copy of a session's cookie is of no use once its person has signed out, on any replica, and that their other
// sessions go on.
func TestSignOutEverywhere(t *testing.T) {
	org, _ := organization(t)
	replica, _ := another(t, signingIn)
	ann, elsewhere := visit(t, "sessions@example.com", group(org, "manager")), visit(t, "sessions@example.com", group(org, "manager"))
	copies := map[string]*visitor{
		"same replica": ann.copied(t, suite.url), "other replica": ann.copied(t, "https://"+replica.options.Listener.Addr().String()),
	}
	form := ann.form(t, "/profile/")
	for where, thief := range copies {
		if !thief.signedIn(t) {
			t.Fatalf("the copy of the cookie is no session at the %s", where)
		}
	}
	before := len(endedSessions(t))
	signedOut := ann.send(t, http.MethodPost, "/profile/sign-out", url.Values{"form": {form}}, nil).want(t, http.StatusSeeOther)
	if copies["same replica"].signedIn(t) {
		t.Error("the copy of the cookie is a session at the replica that was told of its end")
	}
	eventually(t, "the other replica knows of the end", func() bool { return !copies["other replica"].signedIn(t) })
	for where, thief := range copies {
		got := thief.send(t, http.MethodPost, "/profile/keys", plus(wish(org, "manager"), "form", form), nil)
		if got.status != http.StatusSeeOther {
			t.Errorf("with the copy of the cookie, a key is made at the %s: got %d", where, got.status)
		}
	}
	if !elsewhere.signedIn(t) {
		t.Error("the other session of the person has ended too")
	}
	if got := len(endedSessions(t)); got != before+1 {
		t.Errorf("there are %d records more, want one", got-before)
	}
	lines := linesAbout(t, suite.log, signedOut.header.Get("X-Request-Id"))
	if len(lines) != 1 || lines[0].User != "berth:person:sessions@example.com" || lines[0].Verb != "delete" || lines[0].Resource != "sessions" {
		t.Errorf("the log: %+v", lines)
	}
	for _, secret := range endedSessions(t) {
		if len(secret.Data) > 0 || strings.Contains(secret.Name, "sessions@") {
			t.Errorf("the record %s tells more than that a session has ended", secret.Name)
		}
	}
}

// TestEndedSessionsAreBounded says that a person leaves no more than so many records, that others are not affected, and that what has expired is
// deleted.
func TestEndedSessionsAreBounded(t *testing.T) {
	server, _ := another(t)
	const most = 50
	ann, ben := apikey.Account{Issuer: "https://id.example.com", Subject: "ann"}, apikey.Account{Issuer: "https://id.example.com", Subject: "ben"}
	for i := range most {
		if err := server.store.EndSession(t.Context(), ann, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.store.EndSession(t.Context(), ann, "0"); err != nil {
		t.Errorf("a session that was ended already: %v", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	cam := apikey.Account{Issuer: ann.Issuer, Subject: "cam"}
	if err := server.store.EndSession(gone, cam, "0"); err != nil || !server.store.SessionEnded(cam, "0") {
		t.Errorf("a session whose browser is closed at once: %v", err)
	}
	if err := server.store.EndSession(t.Context(), ann, "more"); err == nil || server.store.SessionEnded(ann, "more") {
		t.Errorf("one session more: %v", err)
	}
	if err := server.store.EndSession(t.Context(), ben, "0"); err != nil || !server.store.SessionEnded(ben, "0") || server.store.SessionEnded(ben, "1") {
		t.Errorf("a session of somebody else's: %v", err)
	}
	server.store.ForgetEndedBefore(t.Context(), time.Now().Add(-time.Hour))
	if !server.store.SessionEnded(ann, "0") {
		t.Error("a record is deleted whose cookie is still valid")
	}
	server.store.ForgetEndedBefore(t.Context(), time.Now().Add(time.Hour))
	eventually(t, "old records are deleted", func() bool { return !server.store.SessionEnded(ann, "0") && len(endedSessions(t)) == 0 })
}

// TestSignOutIsRecordedOrTold says that somebody whose session can't be ended on the server is signed out in the browser, and told.
func TestSignOutIsRecordedOrTold(t *testing.T) {
	ann := visit(t, "unrecorded@example.com")
	account := apikey.Account{Issuer: suite.identity.URL, Subject: "unrecorded@example.com"}
	for i := range 50 {
		if err := suite.server.store.EndSession(t.Context(), account, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	form := ann.form(t, "/profile/")
	got := ann.send(t, http.MethodPost, "/profile/sign-out", url.Values{"form": {form}}, nil).want(t, http.StatusServiceUnavailable)
	got.mustSay(t, "You are signed out in this browser")
	if ann.signedIn(t) || strings.Contains(got.text, "Sign out") {
		t.Error("the browser is still signed in")
	}
	suite.server.store.ForgetEndedBefore(t.Context(), time.Now().Add(time.Hour))
}
