package fault

import (
	"net/http"
	"sync"
)

// Gaps let a client see nothing for a while. A watch that was cut by one lists anew after it, so the client learns what is there then, and not what has
// been there meanwhile. The zero value is ready to use.
type Gaps struct {
	cuts Cuts

	mu   sync.Mutex
	open bool
}

// Begin cuts all watches, and lets none begin until End.
func (g *Gaps) Begin() {
	g.set(true)
	g.cuts.Cut(func() bool { return true })
}

// End ends the gap.
func (g *Gaps) End() { g.set(false) }

func (g *Gaps) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

func (g *Gaps) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// Made is how many watches were cut.
func (g *Gaps) Made() int { return g.cuts.Made() }

// Wrap is for rest.Config.Wrap.
func (g *Gaps) Wrap(next http.RoundTripper) http.RoundTripper {
	next = g.cuts.Wrap(next)
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		if IsWatch(r) && g.isOpen() {
			return nil, fail(next, r, Unsent)
		}
		response, err := next.RoundTrip(r)
		if err == nil && IsWatch(r) && g.isOpen() { // The gap has begun meanwhile.
			_ = response.Body.Close()
			return nil, errUnanswered
		}
		return response, err
	})
}
