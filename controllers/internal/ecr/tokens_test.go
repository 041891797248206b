package ecr

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/berth-dev/berth/internal/testing/testaws"
)

var shop = Role{ARN: "arn:aws:iam::222222222222:role/shop-pull", ExternalID: "EXTERNAL", Region: "eu-west-1"}

// world is an AWS behind TLS, and Tokens that know of it by what the SDK reads from the environment.
type world struct {
	aws    *testaws.Server
	url    string
	clock  *clocktesting.FakePassiveClock
	tokens *Tokens
}

// newWorld makes an AWS where the role of the shop may get a token.
func newWorld(t *testing.T, faults ...testaws.Fault) *world {
	t.Helper()
	c := clocktesting.NewFakePassiveClock(time.Now())
	server := testaws.New(time.Now)
	server.Set(testaws.Settings{Roles: []testaws.Role{{ARN: shop.ARN, ExternalID: shop.ExternalID}}, Faults: faults})
	served := httptest.NewTLSServer(server)
	t.Cleanup(served.Close)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	environment(t, map[string]string{
		"AWS_ENDPOINT_URL": served.URL, "AWS_CA_BUNDLE": ca,
		"AWS_ACCESS_KEY_ID": testaws.AccessKeyID, "AWS_SECRET_ACCESS_KEY": testaws.SecretAccessKey,
	})
	return &world{aws: server, url: served.URL, clock: c, tokens: New(c)}
}

// environment makes the SDK find these settings and no others.
func environment(t *testing.T, settings map[string]string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range settings {
		t.Setenv(name, value)
	}
}

func (w *world) get(t *testing.T, refused time.Time) (Token, *Error) {
	t.Helper()
	token, err := w.tokens.Get(t.Context(), shop, "berth-web", refused)
	if err == nil {
		return token, nil
	}
	told, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("the error %v is no *Error", err)
	}
	return token, told
}

func (w *world) mustGet(t *testing.T, refused time.Time) Token {
	t.Helper()
	token, err := w.get(t, refused)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return token
}

func (w *world) pass(d time.Duration) { w.clock.SetTime(w.clock.Now().Add(d)) }

func TestTokenIsTakenByTheRegistry(t *testing.T) {
	w := newWorld(t)
	token := w.mustGet(t, time.Time{})
	want := []testaws.Call{
		{
			Action: testaws.AssumeRole, Region: shop.Region, Service: "sts", Role: shop.ARN, Session: "berth-web", ExternalID: shop.ExternalID,
		},
		{Action: testaws.GetAuthorizationToken, Region: shop.Region, Service: "ecr", Role: shop.ARN, Session: "berth-web"},
	}
	if diff := cmp.Diff(want, w.aws.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	through := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	asked, answer := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", http.NoBody), httptest.NewRecorder()
	asked.SetBasicAuth(User, token.Password)
	w.aws.Registry(through).ServeHTTP(answer, asked)
	if answer.Code != http.StatusTeapot {
		t.Errorf("the registry answers %d to the token", answer.Code)
	}
	if life := token.ExpiresAt.Sub(token.IssuedAt); life < 11*time.Hour || life > 13*time.Hour {
		t.Errorf("the token holds for %s", life)
	}
	if at := token.RefreshAt.Sub(token.IssuedAt); at < 4*time.Hour || at > 7*time.Hour {
		t.Errorf("the token is to be replaced after %s", at)
	}
}

// A token that was issued by a clock that was ahead is replaced once the clock is right.
func TestTokenOfAClockAhead(t *testing.T) {
	w := newWorld(t)
	w.pass(7 * time.Hour)
	w.mustGet(t, time.Time{})
	w.pass(-7 * time.Hour)
	if token := w.mustGet(t, time.Time{}); token.IssuedAt.After(w.clock.Now()) {
		t.Errorf("the token was issued at %s, and it is %s", token.IssuedAt, w.clock.Now())
	}
	calls := len(w.aws.Calls())
	w.mustGet(t, time.Time{})
	if len(w.aws.Calls()) != calls {
		t.Error("the new token is replaced once more")
	}
}

func TestOneCallServesAll(t *testing.T) {
	w := newWorld(t, testaws.Fault{Action: testaws.AssumeRole, Times: 1, Delay: 200})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			if _, err := w.tokens.Get(t.Context(), shop, fmt.Sprintf("berth-app%d", i), time.Time{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(w.aws.Calls()); got != 2 {
		t.Errorf("1000 Apps made %d calls, want 2", got)
	}
}

func TestRolesAreKeptApart(t *testing.T) {
	w := newWorld(t)
	first := w.mustGet(t, time.Time{})
	elsewhere := shop
	elsewhere.Region = "us-east-1"
	token, err := w.tokens.Get(t.Context(), elsewhere, "berth-web", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if token.Password == first.Password {
		t.Error("two regions share a token")
	}
	other := shop
	other.ExternalID = "ANOTHER"
	if _, err := w.tokens.Get(t.Context(), other, "berth-web", time.Time{}); err == nil {
		t.Error("another organization got a token for the same role")
	}
}

func TestTokenIsReplacedInTime(t *testing.T) {
	w := newWorld(t)
	first := w.mustGet(t, time.Time{})
	w.pass(first.RefreshAt.Sub(first.IssuedAt) - time.Second)
	if w.mustGet(t, time.Time{}) != first {
		t.Error("the token was replaced before its time")
	}
	w.pass(time.Second)
	if w.mustGet(t, time.Time{}) == first {
		t.Error("the token was not replaced when it was time")
	}
}

func TestRefusedTokenIsReplacedAtOnceButNotForEver(t *testing.T) {
	w := newWorld(t)
	token := w.mustGet(t, time.Time{})
	for i, after := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
		w.pass(after - time.Second)
		if w.mustGet(t, token.IssuedAt) != token {
			t.Errorf("refusal %d: the token was replaced sooner than %s after the one before", i, after)
		}
		w.pass(time.Second)
		next := w.mustGet(t, token.IssuedAt)
		if next == token {
			t.Fatalf("refusal %d: the token was not replaced", i)
		}
		token = next
	}
}
