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
	bucket, now := v.bucket(who, most, within)
	need := min(int(amount), bucket.Burst())
	if bucket.AllowN(now, need) {
		return 0
	}
	return untilThere(bucket, now, need)
}

// Charge counts an amount that the caller has had already, however much it is. Wait then says when the caller has had no more than most within the time.
func (v *Volume) Charge(who string, amount, most int64, within time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	bucket, now := v.bucket(who, most, within)
	for left := int(amount); left > 0 && bucket.Burst() > 0; left -= bucket.Burst() {
		bucket.ReserveN(now, min(left, bucket.Burst()))
	}
}

// Wait returns how long to wait until what the caller was charged is no more than most within the time; zero if it is not.
func (v *Volume) Wait(who string, most int64, within time.Duration) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	bucket, now := v.bucket(who, most, within)
	return max(0, untilThere(bucket, now, 0))
}

func untilThere(bucket *rate.Limiter, now time.Time, need int) time.Duration {
	return time.Duration((float64(need) - bucket.TokensAt(now)) / float64(bucket.Limit()) * float64(time.Second))
}

// bucket returns a caller's bucket, and the time; mu is held.
func (v *Volume) bucket(who string, most int64, within time.Duration) (*rate.Limiter, time.Time) {
	if v.buckets == nil {
		v.buckets = lru.New(remembered)
	}
	now := time.Now()
	if v.now != nil {
		now = v.now()
	}
	perSecond, burst := rate.Limit(float64(most)/within.Seconds()), int(most)
	if found, ok := v.buckets.Get(who); ok {
		if bucket, ok := found.(*rate.Limiter); ok {
			if bucket.Limit() != perSecond || bucket.Burst() != burst { // The caller's amount has changed.
				bucket.SetLimitAt(now, perSecond)
				bucket.SetBurstAt(now, burst)
			}
			return bucket, now
		}
	}
	bucket := rate.NewLimiter(perSecond, burst)
	v.buckets.Add(who, bucket)
	return bucket, now
}
