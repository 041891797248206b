package fault

import (
	"net/http"
	"sync/atomic"
)

// Gaps let a client see nothing for a while. A watch that was cut by one lists anew after it, so the client learns what is there then, and not what has
// been there meanwhile. The zero value is ready to use.
type Gaps struct {
	cuts Cuts
	open atomic.Bool
}

// Begin cuts all watches, and lets none begin until End.
func (g *Gaps) Begin() {
	g.open.Store(true)
	g.cuts.Cut(func() bool { return true })
}

// End ends the gap.
func (g *Gaps) End() { g.open.Store(false) }

// Made is how many watches were cut.
func (g *Gaps) Made() int { return g.cuts.Made() }

// Wrap is for rest.Config.Wrap.
func (g *Gaps) Wrap(next http.RoundTripper) http.RoundTripper {
	next = g.cuts.Wrap(next)
	return RoundTripper(func(r *http.Request) (*http.Response, error) {
		if IsWatch(r) && g.open.Load() {
			return nil, fail(next, r, Unsent)
		}
		response, err := next.RoundTrip(r)
		if err == nil && IsWatch(r) && g.open.Load() { // The gap has begun meanwhile.
			_ = response.Body.Close()
			return nil, errUnanswered
		}
		return response, err
	})
}
