// Package limit lets each of many callers do something so often, and no more. It counts what this process lets through: with several replicas,
// each lets its own number through.
package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// remembered is how many callers are told apart, about 2 MB of them. When there are more, those who haven't come for longest begin anew.
const remembered = 10_000

// Limiter has a token bucket for each caller. Nil limits nobody.
type Limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu      sync.Mutex
	buckets *lru.Cache
}

// New makes a Limiter that lets everybody do something so often a second in the long run, and burst times, at least once, in a row. It returns
// nil if perSecond is 0.
func New(perSecond float64, burst int) *Limiter {
	if perSecond <= 0 {
		return nil
	}
	return &Limiter{rate: rate.Limit(perSecond), burst: max(1, burst), now: time.Now, buckets: lru.New(remembered)}
}

// Take counts one time more and returns zero, or else counts nothing and returns how long who has to wait until it is let through.
func (l *Limiter) Take(who string) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Under the lock, so that no bucket sees time go back: it would fill again for a time that it has been filled for.
	now := l.now()
	bucket := l.bucket(who)
	if bucket.AllowN(now, 1) {
		return 0
	}
	return time.Duration((1 - bucket.TokensAt(now)) / float64(l.rate) * float64(time.Second))
}

// bucket returns somebody's bucket. The lock must be held.
func (l *Limiter) bucket(who string) *rate.Limiter {
	if bucket, ok := l.buckets.Get(who); ok {
		if known, ok := bucket.(*rate.Limiter); ok {
			return known
		}
	}
	bucket := rate.NewLimiter(l.rate, l.burst)
	l.buckets.Add(who, bucket)
	return bucket
}
