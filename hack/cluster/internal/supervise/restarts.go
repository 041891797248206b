package supervise

import (
	"slices"
	"time"
)

// A program is started again at once, then more slowly, and not at all once it has ended more than
// maxEnds times within window.
const (
	maxEnds    = 5
	window     = time.Minute
	firstPause = 100 * time.Millisecond
)

// restarts remembers when a program ended.
type restarts struct{ ends []time.Time }

// next notes that the program ended now, and says how long to wait before it is started again, if ever.
func (r *restarts) next(now time.Time) (pause time.Duration, again bool) {
	r.ends = slices.DeleteFunc(r.ends, func(t time.Time) bool { return now.Sub(t) > window })
	r.ends = append(r.ends, now)
	if len(r.ends) > maxEnds {
		return 0, false
	}
	return firstPause << (len(r.ends) - 1), true
}
