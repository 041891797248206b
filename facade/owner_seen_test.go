package facade

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/berth-dev/berth/internal/apikey"
)

const days = 24 * time.Hour

// seenKey makes a contributor's key of a person who signed in so long ago, and returns it with its token. Negative: nothing says when.
func seenKey(t *testing.T, organization, subject string, ago time.Duration) (apikey.Key, string) {
	t.Helper()
	spec := apikey.Spec{Owner: subject + "@example.com", Role: apikey.RoleContributor, Organizations: []string{organization}}
	if subject != "" {
		spec.Account = apikey.Account{Issuer: suite.identity.URL, Subject: subject}
	}
	key, token, err := apikey.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if ago >= 0 {
		key.OwnerSeen = time.Now().Add(-ago)
	}
	if err := suite.cluster.Create(t.Context(), key.Secret(keysSpace)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows the key", func() bool { _, err := suite.server.store.KeyByID(key.ID); return err == nil })
	return key, token
}

// seenToday reports whether a key's Secret says that its owner has signed in today.
func seenToday(t *testing.T, id string) bool {
	t.Helper()
	key, err := apikey.FromSecret(secretOfKey(t, id))
	return err == nil && key.OwnerSeen.Equal(time.Now().UTC().Truncate(days))
}

// TestOwnerNotSeen says which keys stop working since their owners have not signed in, that clients and managers are told, and that signing in is enough.
func TestOwnerNotSeen(t *testing.T) {
	org, _ := organization(t)
	server, stop := running(t, suite.certificates, signingIn, func(options *Options) { options.KeyOwnerSeen = 90 * days })
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	cases := map[string]struct {
		reason  string
		subject string
		ago     time.Duration
		want    int
	}{
		"Today":     {subject: "seen-today", want: http.StatusOK},
		"LastDay":   {reason: "They signed in some time on that day.", subject: "seen-late", ago: 90 * days, want: http.StatusOK},
		"LongAgo":   {subject: "seen-never", ago: 92 * days, want: http.StatusUnauthorized},
		"NotKnown":  {reason: "A key of an earlier version counts from the upgrade.", subject: "seen-before", ago: -1, want: http.StatusOK},
		"NoAccount": {reason: "A key of berthctl is nobody's who signs in.", ago: 1000 * days, want: http.StatusOK},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, token := seenKey(t, org, tc.subject, tc.ago)
			var got answer
			eventually(t, "the server answers as it should", func() bool {
				got = ask(t, server, token, http.MethodGet, appsPath(org), nil)
				return got.status == tc.want
			})
			if tc.want == http.StatusUnauthorized {
				const detail = "The owner of this API key has not signed in to the profile page for 90 days. The key works again once they do."
				if diff := cmp.Diff(detail, got.json(t)["detail"]); diff != "" || got.header.Get("WWW-Authenticate") == "" {
					t.Errorf("-want, +got:\n%s\n%v", diff, got.header)
				}
				ask(t, suite.server, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusOK) // There, nobody has to have signed in.
			}
		})
	}
}

// TestSigningInWakesKeys says that the keys of a person work again when they sign in, which is written once a day.
func TestSigningInWakesKeys(t *testing.T) {
	org, _ := organization(t)
	server, stop := running(t, suite.certificates, signingIn, func(options *Options) { options.KeyOwnerSeen = 90 * days })
	defer stop()
	eventually(t, "the server is ready", server.Ready)
	before := suite.url
	suite.url = "https://" + server.options.Listener.Addr().String()
	defer func() { suite.url = before }()
	first, token := seenKey(t, org, "sleeper", 100*days)
	second, _ := seenKey(t, org, "sleeper", 200*days)
	other, _ := seenKey(t, org, "another-sleeper", 100*days)
	for _, key := range []apikey.Key{first, second, other} {
		eventually(t, "the server knows the key", func() bool { _, err := server.store.KeyByID(key.ID); return err == nil })
	}
	manager := visit(t, "mo@example.com", group(org, "manager"))
	list := manager.get(t, "/profile/?organization="+org)
	list.mustSay(t, `<span class="tag">paused</span>`)
	list.mustSay(t, "It does not work, since its owner has not signed in here for so long. It works again once sleeper@example.com does.")
	call(t, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)

	visitAs(t, "sleeper", "sleeper@example.com", group(org, "contributor"))
	eventually(t, "the key works", func() bool { return call(t, token, http.MethodGet, appsPath(org), nil).status == http.StatusOK })
	for _, key := range []apikey.Key{first, second} {
		eventually(t, "the sign-in is written", func() bool { return seenToday(t, key.ID) })
	}
	if seenToday(t, other.ID) {
		t.Error("a sign-in was written for somebody else")
	}
	eventually(t, "the server knows that", func() bool {
		return !slices.ContainsFunc([]apikey.Key{first, second}, func(key apikey.Key) bool {
			now, err := server.store.KeyByID(key.ID)
			return err != nil || now.OwnerSeen.Before(time.Now().UTC().Truncate(days))
		})
	})
	version := secretOfKey(t, second.ID).ResourceVersion
	visitAs(t, "sleeper", "sleeper@example.com", group(org, "contributor"))
	id, _ := visitAs(t, "sleeper", "sleeper@example.com", group(org, "contributor")).
		post(t, "/profile/", "/profile/keys", wish(org, "contributor")).want(t, http.StatusCreated).key(t)
	if got := secretOfKey(t, second.ID).ResourceVersion; got != version {
		t.Error("another sign-in on the same day was written")
	}
	if !seenToday(t, id) {
		t.Error("a new key does not say that its owner has signed in")
	}
}

// TestKeysOfBefore says that the time begins at the upgrade for keys that say nothing.
func TestKeysOfBefore(t *testing.T) {
	org, _ := organization(t)
	key, _ := seenKey(t, org, "before-the-upgrade", -1)
	program, _ := seenKey(t, org, "", -1)
	another(t)
	eventually(t, "the time of the upgrade is written", func() bool { return seenToday(t, key.ID) })
	if strings.Contains(secretOfKey(t, program.ID).String(), "owner-seen") {
		t.Error("a key without an account says that its owner has signed in")
	}
}

// TestFollowUntilOwnerIsNotSeen says that a key that stops working shows no more output.
func TestFollowUntilOwnerIsNotSeen(t *testing.T) {
	org, slug, _ := loggingApp(t)
	_, token := seenKey(t, org, "follower", 10*days)
	end := time.Now().Add(6 * time.Second)
	within := end.Sub(time.Now().Add(-10*days).UTC().Truncate(days)) - apikey.SeenPrecision
	server, stop := running(t, suite.certificates, signingIn, func(options *Options) { options.KeyOwnerSeen = within })
	defer stop()
	before := suite.url
	suite.url = "https://" + server.options.Listener.Addr().String()
	defer func() { suite.url = before }()
	eventually(t, "the server is ready", server.Ready)
	f := follow(t, token, appPath(org, slug)+"logs/?follow=true")
	f.want(t, "["+slug+" has no Pods]")
	f.wantEnd(t)
	if early := time.Until(end); early > 0 {
		t.Errorf("following ended %s before the key did", early)
	}
	call(t, token, http.MethodGet, appsPath(org), nil).want(t, http.StatusUnauthorized)
}
