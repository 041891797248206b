package limit

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// Volume lets each of many callers have so much of something, such as bytes, within a time, each its own amount. The zero value is ready to use.
type Volume struct {
	mu      sync.Mutex
	buckets *lru.Cache
	now     func() time.Time
}

// Take counts an amount and returns zero if the caller has had no more than most within the time, in the long run. Otherwise it counts nothing and
// returns how long to wait. An amount above most counts as most: it is let through when the caller has had nothing for that time.
func (v *Volume) Take(who string, amount, most int64, within time.Duration) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.buckets == nil {
		v.buckets = lru.New(remembered)
	}
	now := time.Now()
	if v.now != nil {
		now = v.now()
	}
	perSecond, burst := rate.Limit(float64(most)/within.Seconds()), int(most)
	bucket := v.bucket(who, perSecond, burst)
	if bucket.Limit() != perSecond || bucket.Burst() != burst { // The caller's amount has changed.
		bucket.SetLimitAt(now, perSecond)
		bucket.SetBurstAt(now, burst)
	}
	need := min(int(amount), burst)
	if bucket.AllowN(now, need) {
		return 0
	}
	return time.Duration((float64(need) - bucket.TokensAt(now)) / float64(perSecond) * float64(time.Second))
}

func (v *Volume) bucket(who string, perSecond rate.Limit, burst int) *rate.Limiter {
	if found, ok := v.buckets.Get(who); ok {
		if bucket, ok := found.(*rate.Limiter); ok {
			return bucket
		}
	}
	bucket := rate.NewLimiter(perSecond, burst)
	v.buckets.Add(who, bucket)
	return bucket
}
