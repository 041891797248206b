package informer

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	toolscache "k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/internal/testing/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }

// told are the events that a handler has heard.
type told chan string

func (all told) OnAdd(o any, _ bool)    { all <- "add " + uid(o) }
func (all told) OnUpdate(before, o any) { all <- "update " + uid(before) + " to " + uid(o) }
func (all told) OnDelete(o any)         { all <- "delete " + uid(o) }

func uid(o any) string {
	if m, ok := o.(metav1.Object); ok {
		return string(m.GetUID())
	}
	return "unknown"
}

func (all told) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, event := range want {
		if diff := cmp.Diff(event, next(t, all)); diff != "" {
			t.Fatalf("event (-want +got):\n%s", diff)
		}
	}
}

// next is the next that comes, before long.
func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(time.Minute):
		t.Fatal("nothing comes any more")
		return ""
	}
}

func pod(name string, uid types.UID) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid, Generation: 1}}
}

// add is a method by which an informer is given a handler.
type add func(toolscache.SharedIndexInformer, toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error)

func TestReplacedObjectsAreToldApart(t *testing.T) {
	t.Parallel()
	for name, add := range map[string]add{
		"Plain": toolscache.SharedIndexInformer.AddEventHandler,
		"WithResyncPeriod": func(
			i toolscache.SharedIndexInformer, h toolscache.ResourceEventHandler,
		) (toolscache.ResourceEventHandlerRegistration, error) {
			return i.AddEventHandlerWithResyncPeriod(h, 0)
		},
		"WithOptions": func(
			i toolscache.SharedIndexInformer, h toolscache.ResourceEventHandler,
		) (toolscache.ResourceEventHandlerRegistration, error) {
			return i.AddEventHandlerWithOptions(h, toolscache.HandlerOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := cachetesting.NewFakeControllerSource()
			source.Add(pod("web", "first"))
			heard := make(told, 10)
			i := New(source, &corev1.Pod{}, 0, toolscache.Indexers{})
			if _, err := add(i, heard); err != nil {
				t.Fatal(err)
			}
			go i.RunWithContext(t.Context())
			heard.expect(t, "add first")
			source.Modify(pod("web", "first"))
			heard.expect(t, "update first to first")
			source.DeleteDropWatch(pod("web", "first"))
			source.AddDropWatch(pod("web", "second"))
			source.ResetWatch()
			heard.expect(t, "delete first", "add second")
		})
	}
}

// waiting is a handler that waits for a resource version.
type waiting struct {
	told
	versions chan string
}

func (waiting) SetMinimumRV(types.NamespacedName, int64) {}

func (w waiting) OnUpdate(_, o any) {
	if m, ok := o.(metav1.Object); ok {
		w.versions <- m.GetResourceVersion()
	}
}

// Nothing is left of what was made and deleted while nothing was seen but that the resource version is a later one.
func TestItIsToldHowFarItHasCome(t *testing.T) {
	t.Parallel()
	source := cachetesting.NewFakeControllerSource()
	source.Add(pod("web", "first"))
	w := waiting{told: make(told, 10), versions: make(chan string, 10)}
	i := New(source, &corev1.Pod{}, 0, toolscache.Indexers{})
	if _, err := i.AddEventHandler(w); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Run(stop)
	}()
	w.expect(t, "add first")
	source.AddDropWatch(pod("job", "second"))
	source.DeleteDropWatch(pod("job", "second"))
	source.ResetWatch()
	reached := ""
	for reached != "3" { // The third change.
		reached = next(t, w.versions)
	}
	i.Run(stop) // It runs already.
	close(stop)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("it goes on after its end")
	}
}

// The client of controller-runtime waits by a handler that is known for one which does, and by versions that are told.
func TestClientReadsItsWrites(t *testing.T) {
	t.Parallel()
	var i *informer
	caches, err := cache.New(testenv.Config(), cache.Options{NewInformer: func(
		lw toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers,
	) toolscache.SharedIndexInformer {
		made := New(lw, o, resync, indexers)
		i, _ = made.(*informer)
		return made
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(testenv.Config(), client.Options{Cache: &client.CacheOptions{Reader: caches, EnableReadYourWritesConsistency: new(true)}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = caches.Start(t.Context()) }()
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "settings"}}
	if err := c.Create(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(settings), settings); err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	waiters := len(i.waiters)
	i.mu.Unlock()
	if waiters != 1 {
		t.Errorf("%d handlers wait, want that of the client", waiters)
	}
	order, err := resourceversion.CompareResourceVersion(i.tell(""), settings.ResourceVersion)
	if err != nil || order < 0 {
		t.Errorf("the client is told a version before %s: %v", settings.ResourceVersion, err)
	}
}
