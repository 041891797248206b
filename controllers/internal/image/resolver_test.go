package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// world is a registry with a Resolver that may ask it.
type world struct {
	*server
	clock    *clocktesting.FakePassiveClock
	resolver *Resolver
}

func newWorld(t *testing.T, front func(http.ResponseWriter, *http.Request) bool) *world {
	t.Helper()
	w := &world{server: serve(t, front), clock: clocktesting.NewFakePassiveClock(time.Now())}
	w.resolver = New(w.client(t), w.clock)
	w.push(t, "web:v1", imageOf(t, "amd64", "8080/tcp"))
	return w
}

func (w *world) pass(d time.Duration) { w.clock.SetTime(w.clock.Now().Add(d)) }

func (w *world) question(app string) Question {
	login := func(context.Context) (authn.Keychain, error) { return anonymous{}, nil }
	return Question{App: types.UID(app), Organization: "shop", Reference: w.host() + "/web:v1", Version: "1", Login: login}
}

// await asks until the registry has answered.
func (w *world) await(t *testing.T, q Question) (Image, error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if found, err := w.resolver.Get(t.Context(), q); !errors.Is(err, ErrPending) {
			return found, err
		}
	}
	t.Fatal("no answer")
	return Image{}, nil
}

func (w *world) manifests() int {
	n := 0
	for _, call := range w.asked() {
		if strings.Contains(call, "/manifests/") {
			n++
		}
	}
	return n
}

// held holds requests for manifests until the test lets them go.
func held(t *testing.T) (front func(http.ResponseWriter, *http.Request) bool, arrived chan struct{}, let func()) {
	t.Helper()
	arrived = make(chan struct{}, 100)
	gate := make(chan struct{})
	let = func() { close(gate) }
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/manifests/") {
			arrived <- struct{}{}
			<-gate
		}
		return false
	}, arrived, let
}

func TestAnswerIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for range 3 {
		found, err := w.await(t, w.question("a"))
		if err != nil || len(found.Ports) != 1 || found.Ports[0] != 8080 {
			t.Fatalf("got %+v, %v", found, err)
		}
	}
	if n := w.manifests(); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
	next := w.question("a")
	next.Version = "2"
	w.push(t, "web:v1", imageOf(t, "amd64", "9090/tcp"))
	if found, err := w.await(t, next); err != nil || found.Ports[0] != 9090 {
		t.Errorf("the tag's new image is not seen: %+v, %v", found, err)
	}
	w.resolver.Forget("a")
	if _, err := w.await(t, next); err != nil || w.manifests() != 3 {
		t.Errorf("after it was forgotten, the registry was asked %d times in all, want 3; error %v", w.manifests(), err)
	}
}

// A caller does not wait for a registry that takes its time, and later takes its answer.
func TestSlowRegistry(t *testing.T) {
	t.Parallel()
	front, arrived, let := held(t)
	w := newWorld(t, front)
	q := w.question("a")
	if _, err := w.resolver.Get(t.Context(), q); !errors.Is(err, ErrPending) {
		t.Fatalf("error %v, want that it is pending", err)
	}
	<-arrived
	w.pass(patience)
	var failure *Error
	if _, err := w.resolver.Get(t.Context(), q); !errors.As(err, &failure) || failure.Class != Unreachable || failure.RetryAfter != slowAgain {
		t.Errorf("error %v, want that it cannot be reached for now", err)
	}
	let()
	for {
		found, err := w.resolver.Get(t.Context(), q)
		if err == nil {
			if found.Ports[0] != 8080 {
				t.Errorf("got %+v", found)
			}
			break
		}
	}
	if n := w.manifests(); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
}

// An organization has a share of the requests; the others of its Apps wait for their turn, and other organizations do not.
func TestOrganizationHasItsShare(t *testing.T) {
	t.Parallel()
	front, arrived, let := held(t)
	w := newWorld(t, front)
	for i := range maxOfOrganization + 3 {
		if _, err := w.resolver.Get(t.Context(), w.question(fmt.Sprint(i))); !errors.Is(err, ErrPending) {
			t.Fatalf("error %v, want that it is pending", err)
		}
	}
	for range maxOfOrganization {
		<-arrived
	}
	other := w.question("other")
	other.Organization = "bank"
	if _, err := w.resolver.Get(t.Context(), other); !errors.Is(err, ErrPending) {
		t.Fatalf("error %v, want that it is pending", err)
	}
	<-arrived
	if n := w.manifests(); n != maxOfOrganization+1 {
		t.Errorf("%d requests are under way, want %d", n, maxOfOrganization+1)
	}
	let()
	for i := range maxOfOrganization + 3 {
		if _, err := w.await(t, w.question(fmt.Sprint(i))); err != nil {
			t.Errorf("App %d: %v", i, err)
		}
	}
}

// A registry that fails is left alone, whichever App asks, with growing pauses, until it answers.
func TestRegistryThatFailsIsLeftAlone(t *testing.T) {
	t.Parallel()
	fails := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	w := newWorld(t, fails)
	var failure *Error
	asked := 0
	for pause := firstRetry; pause <= 4*firstRetry; pause *= 2 {
		if _, err := w.await(t, w.question("a")); !errors.As(err, &failure) || failure.Status != http.StatusBadGateway || failure.RetryAfter > pause {
			t.Fatalf("error %+v, want one of the registry's for %s", err, pause)
		}
		now := len(w.asked())
		if now == asked {
			t.Error("after a pause, the registry is not asked")
		}
		asked = now
		w.pass(pause - time.Second)
		for _, app := range []string{"a", "b", "c"} {
			if _, err := w.await(t, w.question(app)); err == nil {
				t.Errorf("App %s has an answer", app)
			}
		}
		if len(w.asked()) != asked {
			t.Errorf("the registry was asked %q within the pause", w.asked()[asked:])
		}
		w.pass(time.Second)
	}
	w.setFront(nil)
	if _, err := w.await(t, w.question("b")); err != nil {
		t.Errorf("App b, when the registry is back: %v", err)
	}
	if _, err := w.await(t, w.question("c")); err != nil {
		t.Errorf("App c, when the registry is back: %v", err)
	}
}

// A registry that fails for one organization, which may have made it fail, is asked for others.
func TestRegistryOfOthersIsNotLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	if _, err := w.await(t, w.question("a")); err == nil {
		t.Fatal("there is an answer")
	}
	w.setFront(nil)
	other := w.question("b")
	other.Organization = "bank"
	if _, err := w.await(t, other); err != nil {
		t.Errorf("the App of another organization: %v", err)
	}
}

// What a registry refuses to one App says nothing about the others.
func TestRefusalIsOfOneApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	missing := w.question("a")
	missing.Reference = w.host() + "/missing:v1"
	var failure *Error
	if _, err := w.await(t, missing); !errors.As(err, &failure) || failure.Class != NotFound {
		t.Fatalf("error %v, want that it is not found", err)
	}
	unreadable := w.question("b")
	unreadable.Login = func(context.Context) (authn.Keychain, error) { return nil, errors.New("s3cret") }
	if _, err := w.await(t, unreadable); !errors.As(err, &failure) || failure.Class != Denied || strings.Contains(err.Error(), "s3cret") {
		t.Fatalf("error %v, want that it is denied", err)
	}
	if _, err := w.await(t, w.question("c")); err != nil {
		t.Error(err)
	}
	asked := w.manifests()
	if _, err := w.await(t, missing); err == nil || w.manifests() != asked {
		t.Errorf("what is not found is asked for again at once; error %v", err)
	}
}
