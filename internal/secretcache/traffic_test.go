package secretcache

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/berth-dev/berth/api/v1alpha1"
)

// events remembers what a handler is told.
type events struct {
	mu   sync.Mutex
	seen []string
}

func (e *events) add(kind string, object any) {
	text := kind + " of no Secret"
	if secret, ok := object.(*corev1.Secret); ok {
		text = kind + " " + secret.Namespace + "/" + secret.Name + " " + secret.Labels[v1alpha1.LabelSecret]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, text)
}

func (e *events) OnAdd(o any, _ bool) { e.add("add", o) }
func (e *events) OnUpdate(_, o any)   { e.add("update", o) }
func (e *events) OnDelete(o any)      { e.add("delete", o) }

// awaitIn waits until the events of the Secrets in a Namespace, in their order, are these.
func (e *events) awaitIn(t *testing.T, ns string, want ...string) {
	t.Helper()
	eventually(t, func(context.Context) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		var got []string
		for _, text := range e.seen {
			if words := strings.Fields(text); strings.HasPrefix(words[1], ns+"/") {
				got = append(got, words[0]+" "+strings.TrimPrefix(words[1], ns+"/")+" "+words[2])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return errors.New("events (-want +got):\n" + diff)
		}
		return nil
	})
}

// requests remembers which paths were asked for, and can hold back what is watched in a Namespace.
type requests struct {
	mu    sync.Mutex
	paths []string
	// held is how the path ends whose watches bring nothing until released is closed.
	held     string
	released chan struct{}
}

// hold holds back the Secrets that come from a Namespace. The function lets them come.
func (r *requests) hold(ns string) (release func()) { return r.holdAt(secretsPath(ns)) }

// holdAt holds back what comes by a path that ends so.
func (r *requests) holdAt(path string) (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	released := make(chan struct{})
	r.held, r.released = path, released
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held = ""
		close(released)
	})
}

// gate returns what to wait for before something may come by a path; nil if for nothing.
func (r *requests) gate(path string) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == "" || !strings.HasSuffix(path, r.held) {
		return nil
	}
	return r.released
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.paths = append(r.paths, request.URL.Path)
		r.mu.Unlock()
		response, err := next.RoundTrip(request)
		if err == nil && request.URL.Query().Get("watch") != "" {
			response.Body = gated{response.Body, func() <-chan struct{} { return r.gate(request.URL.Path) }, request.Context().Done()}
		}
		return response, err
	})
}

// in returns how often the Secrets in a Namespace were asked for; an empty one is the whole cluster.
func (r *requests) in(ns string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(r.paths), func(p string) bool { return p != secretsPath(ns) }))
}

func secretsPath(ns string) string {
	if ns == "" {
		return "/api/v1/secrets"
	}
	return "/api/v1/namespaces/" + ns + "/secrets"
}

// gated is the body of a watch that may be held back.
type gated struct {
	io.ReadCloser
	gate  func() <-chan struct{}
	ended <-chan struct{}
}

func (b gated) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if released := b.gate(); released != nil {
		select {
		case <-released:
		case <-b.ended:
		}
	}
	return n, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// about counts the lines of what was logged that name something.
func about(what string) (lines int) {
	for line := range strings.Lines(logged.String()) {
		if strings.Contains(line, what) {
			lines++
		}
	}
	return lines
}
