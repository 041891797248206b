package store

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
)

func named(namespace, name string) *v1alpha1.App {
	return &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: "1"}}
}

func leaving(app *v1alpha1.App) *v1alpha1.App {
	app.DeletionTimestamp = new(metav1.Now())
	return app
}

// namesOf are all Apps of a Namespace, in the order of lists.
func namesOf(t *testing.T, index *appIndex, namespace string) []string {
	t.Helper()
	apps, total, err := index.page(namespace, func(total int) (int, int, error) { return 0, total, nil })
	if err != nil || total != len(apps) {
		t.Fatalf("page(...): %d of %d, %v", len(apps), total, err)
	}
	var names []string
	for _, app := range apps {
		names = append(names, app.Name)
	}
	return names
}

func TestAppIndex(t *testing.T) {
	type want struct {
		Live  []string
		Named int
	}
	cases := map[string]struct {
		reason string
		events func(h indexHandler[*v1alpha1.App])
		want   want
	}{
		"Nothing": {events: func(indexHandler[*v1alpha1.App]) {}},
		"Sorted": {
			reason: "The order of events is not that of lists.",
			events: func(h indexHandler[*v1alpha1.App]) {
				for _, name := range []string{"c", "a", "d", "b"} {
					h.OnAdd(named("cowork", name), false)
				}
				h.OnAdd(named("acme", "a"), false)
			},
			want: want{Live: []string{"a", "b", "c", "d"}, Named: 2},
		},
		"Updated": {
			reason: "An App is there once.",
			events: func(h indexHandler[*v1alpha1.App]) {
				h.OnAdd(named("cowork", "a"), true)
				h.OnUpdate(named("cowork", "a"), named("cowork", "a"))
			},
			want: want{Live: []string{"a"}, Named: 1},
		},
		"Leaving": {
			reason: "An App that is being deleted isn't listed, and its name is taken.",
			events: func(h indexHandler[*v1alpha1.App]) {
				h.OnAdd(named("cowork", "a"), false)
				h.OnAdd(named("cowork", "b"), false)
				h.OnUpdate(named("cowork", "a"), leaving(named("cowork", "a")))
			},
			want: want{Live: []string{"b"}, Named: 1},
		},
		"Gone": {
			events: func(h indexHandler[*v1alpha1.App]) {
				h.OnAdd(named("cowork", "a"), false)
				h.OnDelete(named("cowork", "a"))
			},
		},
		"GoneUnseen": {
			reason: "A watch that broke tells of a deletion in its own way.",
			events: func(h indexHandler[*v1alpha1.App]) {
				h.OnAdd(named("cowork", "a"), false)
				h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "cowork/a", Obj: named("cowork", "a")})
			},
		},
		"UnknownGone": {events: func(h indexHandler[*v1alpha1.App]) { h.OnDelete(named("cowork", "a")) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			all := &listing{}
			index := &all.apps
			tc.events(indexing(all, index, &changes{happened: make(chan struct{})}))
			got := want{Live: namesOf(t, index, "cowork"), Named: len(index.withName("a"))}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			for _, name := range got.Live {
				if app := index.get("cowork", name); app == nil || app.Name != name {
					t.Errorf("\n%s\nget(%s): got %v", tc.reason, name, app)
				}
			}
		})
	}
}

// TestPageIsACopy says that a page stays as it was when it was read.
func TestPageIsACopy(t *testing.T) {
	index := &appIndex{}
	for _, name := range []string{"b", "c", "d"} {
		index.set(named("cowork", name))
	}
	page, _, err := index.page("cowork", func(int) (int, int, error) { return 0, 2, nil })
	if err != nil {
		t.Fatal(err)
	}
	index.set(named("cowork", "a"))
	index.remove(named("cowork", "b"))
	if page[0].Name != "b" || page[1].Name != "c" {
		t.Errorf("the page became %s, %s", page[0].Name, page[1].Name)
	}
}

func TestPageError(t *testing.T) {
	want := errors.New("out of range")
	if _, _, err := (&appIndex{}).page("cowork", func(int) (int, int, error) { return 0, 0, want }); !errors.Is(err, want) {
		t.Errorf("page(...): got %v, want what the window says", err)
	}
}

func TestAwait(t *testing.T) {
	c := &changes{happened: make(chan struct{})}
	asked := make(chan struct{}, 10)
	seen := make(chan bool, 1)
	count := 0
	go func() {
		seen <- c.await(t.Context(), func() bool {
			count++
			asked <- struct{}{}
			return count == 3
		})
	}()
	for range 2 {
		<-asked
		c.notify()
	}
	if !<-seen {
		t.Error("await(...) didn't see what it waited for")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if c.await(ctx, func() bool { return false }) {
		t.Error("await(...) saw what didn't happen")
	}
}

// TestLocks says that writes of one app take turns, those of different apps don't wait for each other, and nothing is left of a lock.
func TestLocks(t *testing.T) {
	l := &locks{}
	inside, total := 0, 0
	var writes sync.WaitGroup
	for range 50 {
		writes.Go(func() {
			defer mustLock(t, l, "shop")()
			inside++
			runtime.Gosched()
			if inside != 1 {
				t.Error("two hold the lock of one app")
			}
			inside--
			total++
		})
	}
	writes.Wait()
	if total != 50 {
		t.Errorf("%d of 50 had their turn", total)
	}
	for i := range 200 {
		mustLock(t, l, strconv.Itoa(i)) // Nobody ends these turns.
	}
	mustLock(t, l, "shop")()
	if len(l.held) != 200 {
		t.Errorf("%d locks are kept, 200 are held", len(l.held))
	}
}

func TestLockEndsWithItsClient(t *testing.T) {
	l := &locks{}
	unlock := mustLock(t, l, "shop")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.lock(ctx, client.ObjectKey{Namespace: "acme", Name: "shop"}); !errors.Is(err, context.Canceled) {
		t.Errorf("lock(...) of a client that is gone: %v, want %v", err, context.Canceled)
	}
	unlock()
	if len(l.held) != 0 {
		t.Errorf("%d locks are kept, none is held", len(l.held))
	}
}

// TestLockIsOfOneOrganization says that an App that another organization gives the same slug by kubectl keeps nobody waiting.
func TestLockIsOfOneOrganization(t *testing.T) {
	l := &locks{}
	defer mustLock(t, l, "shop")()
	unlock, err := l.lock(t.Context(), client.ObjectKey{Namespace: "rival", Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func mustLock(t *testing.T, l *locks, slug string) (unlock func()) {
	t.Helper()
	unlock, err := l.lock(t.Context(), client.ObjectKey{Namespace: "acme", Name: slug})
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return unlock
}

func TestReached(t *testing.T) {
	cases := map[string]struct {
		have, want string
		reached    bool
	}{
		"Same":    {have: "9", want: "9", reached: true},
		"Newer":   {have: "10", want: "9", reached: true},
		"Older":   {have: "9", want: "10"},
		"Unknown": {have: "", want: "9"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := reached(tc.have, tc.want); got != tc.reached {
				t.Errorf("reached(%q, %q) = %t", tc.have, tc.want, got)
			}
		})
	}
}

func BenchmarkPage(b *testing.B) {
	index := &appIndex{}
	for i := range 5000 {
		index.set(named("cowork", string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))))
	}
	for b.Loop() {
		if _, _, err := index.page("cowork", func(int) (int, int, error) { return 2500, 2525, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
