package mail

import (
	"slices"
	"sync"
	"time"
)

// An organization may send so many test messages in any such time. A token bucket would let twice as many through in the first minute.
const (
	maxSent = 5
	window  = time.Minute
)

// limit counts what each organization has sent of late, by this process: with several replicas, each lets its own number through.
type limit struct {
	now  func() time.Time
	mu   sync.Mutex
	sent map[string][]time.Time
}

// take counts one more message of an organization and returns zero, or else returns how long it has to wait until it may send one.
func (l *limit) take(organization string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.forget(now)
	sent := l.sent[organization]
	if len(sent) >= maxSent {
		return window - now.Sub(sent[0])
	}
	if l.sent == nil {
		l.sent = map[string][]time.Time{}
	}
	l.sent[organization] = append(sent, now)
	return 0
}

// forget drops what is too old to count; mu is held.
func (l *limit) forget(now time.Time) {
	for organization, sent := range l.sent {
		sent = slices.DeleteFunc(sent, func(at time.Time) bool { return now.Sub(at) >= window })
		if len(sent) == 0 {
			delete(l.sent, organization)
			continue
		}
		l.sent[organization] = sent
	}
}
