package fault

import (
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Gaps let a client see nothing for a while that is so long that the server can't tell it afterwards what it has missed: it has to list anew. The
// zero value is ready to use.
type Gaps struct {
	cuts Cuts

	mu   sync.Mutex
	open bool
	// behind are the paths of watches that were refused during a gap, and haven't been told yet that they come too late.
	behind map[string]bool
}

// Begin cuts all watches, and lets none begin until End.
func (g *Gaps) Begin() {
	g.mu.Lock()
	g.open, g.behind = true, map[string]bool{}
	g.mu.Unlock()
	g.cuts.Cut(func() bool { return true })
}

// End ends the gap.
func (g *Gaps) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
}

// Made is how many watches were cut.
func (g *Gaps) Made() int { return g.cuts.Made() }

// Wrap is for rest.Config.Wrap.
func (g *Gaps) Wrap(next http.RoundTripper) http.RoundTripper {
	next = g.cuts.Wrap(next)
	expired := answer(http.StatusGone, metav1.StatusReasonExpired) //nolint:bodyclose // It returns what answers.
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		if !IsWatch(r) {
			return next.RoundTrip(r)
		}
		if g.refuses(r) {
			return nil, fail(next, r, Unsent)
		}
		if g.expires(r) {
			return expired(next, r)
		}
		response, err := next.RoundTrip(r)
		if err == nil && g.refuses(r) { // The gap has begun meanwhile.
			_ = response.Body.Close()
			return nil, errUnanswered
		}
		return response, err
	})
}

// refuses tells whether a watch can't begin now, and remembers it.
func (g *Gaps) refuses(r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.behind[r.URL.Path] = true
	}
	return g.open
}

// expires tells, once after a gap, whether a watch wants to go on from before it.
func (g *Gaps) expires(r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	late := g.behind[r.URL.Path] && r.URL.Query().Get("sendInitialEvents") == ""
	delete(g.behind, r.URL.Path)
	return late
}
