package facade

import (
	"context"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/limit"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/internal/policy"
)

const (
	// maxBodies is how many bytes of requests' bodies of one organization are in memory at the same time, and bodyStep in what portions they are counted.
	maxBodies = 16 << 20
	bodyStep  = 64 << 10
	// busy is when a client whose organization has all it may have at the moment is to come back.
	busy = time.Second
	// streamsEach is how many Pods may be followed for each client that may follow logs.
	streamsEach = 4
	// bytesPerSecond is how many bytes of bodies are read for an organization that is not trusted, and how many of large answers are encoded, within
	// a second in the long run; twice as many at once. More than that takes whole cores.
	bytesPerSecond = 4 << 20
	// keysAtOnce is how many private keys are generated for such an organization within keysWithin.
	keysAtOnce = 5
	keysWithin = 10 * time.Second
	// largeItem is the size from which an app is one of few that are encoded for an organization at the same time.
	largeItem = 64 << 10
)

// shares are what each organization may have of this server at the same time.
type shares struct {
	// policy returns the policy of an organization.
	policy func(ctx context.Context, organization string) v1alpha1.Organization

	requests, generated limit.Volume
	received, answered  limit.Volume
	bodies              limit.Slots
	followers, streams  limit.Slots
	// reads are of logs, items are apps with large environments that are encoded, and keys are private keys that are generated.
	reads, items, keys *limit.Queue
	// cores bounds how many keys are generated for all organizations.
	cores *semaphore.Weighted
}

func newShares(policy func(ctx context.Context, organization string) v1alpha1.Organization) *shares {
	return &shares{
		policy: policy,
		reads:  limit.NewQueue(4, 32), items: limit.NewQueue(4, 64), keys: limit.NewQueue(1, 8),
		cores: semaphore.NewWeighted(max(1, int64(runtime.GOMAXPROCS(0)/2))),
	}
}

// bound lets a request of an organization go on if it has had no more than its share of requests, and counts what is read of the body. It comes after
// the caller's rights: nobody uses up the share of an organization that is not theirs.
func (s *shares) bound(c *gin.Context) {
	organization := c.Param("org")
	if organization == "" {
		return
	}
	if most := int64(policy.RequestsPerSecond(s.policy(c.Request.Context(), organization))); most < policy.Unlimited {
		if wait := s.requests.Take(organization, 1, 2*most, 2*time.Second); wait > 0 {
			web.Fail(c, apierr.TooManyRequests(wait))
			return
		}
	}
	body := &countedBody{
		ReadCloser: c.Request.Body,
		take:       func() (func(), bool) { return s.bodies.Take(organization, bodyStep, maxBodies) },
		read:       func(size int) time.Duration { return s.pace(c.Request.Context(), &s.received, organization, size) },
	}
	c.Request.Body = body
	defer body.release()
	c.Next()
}

// countedBody is the body of a request that takes as much of its organization's share as has been read.
type countedBody struct {
	io.ReadCloser

	take func() (release func(), ok bool)
	// read counts what has been read, and returns how long to wait if that is too much; nil to count nothing.
	read func(size int) time.Duration
	// left is how much may be read before more is taken.
	left     int
	releases []func()
}

func (b *countedBody) Read(into []byte) (int, error) {
	if b.left <= 0 {
		release, ok := b.take()
		if !ok {
			return 0, apierr.TooManyRequests(busy)
		}
		b.releases, b.left = append(b.releases, release), bodyStep
	}
	n, err := b.ReadCloser.Read(into[:min(len(into), b.left)])
	b.left -= n
	if b.read != nil && n > 0 {
		if wait := b.read(n); wait > 0 {
			return 0, apierr.TooManyRequests(wait)
		}
	}
	return n, err
}

func (b *countedBody) release() {
	for _, release := range b.releases {
		release()
	}
}

// join waits for the turn of an organization in a queue. The error is a 429 if too many wait already.
func join(ctx context.Context, queue *limit.Queue, organization string) (leave func(), err error) {
	leave, err = queue.Join(ctx, organization)
	if errors.Is(err, limit.ErrFull) {
		return nil, apierr.TooManyRequests(busy)
	}
	return leave, err
}

// pace counts bytes of an organization, and returns how long to wait if there were too many lately.
func (s *shares) pace(ctx context.Context, bytes *limit.Volume, organization string, size int) time.Duration {
	if s.unlimited(ctx, organization) {
		return 0
	}
	return bytes.Take(organization, int64(size), 2*bytesPerSecond, 2*time.Second)
}

func (s *shares) unlimited(ctx context.Context, organization string) bool {
	return policy.RequestsPerSecond(s.policy(ctx, organization)) == policy.Unlimited
}

// encode waits for the turn of an organization to have a large answer of a size encoded.
func (s *shares) encode(ctx context.Context, organization string, size int) (done func(), err error) {
	leave, err := join(ctx, s.items, organization)
	if err != nil {
		return nil, err
	}
	for wait := s.pace(ctx, &s.answered, organization, size); wait > 0; wait = s.pace(ctx, &s.answered, organization, size) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// generate waits until a private key may be generated for an organization.
func (s *shares) generate(ctx context.Context, organization string) (done func(), err error) {
	if !s.unlimited(ctx, organization) {
		if wait := s.generated.Take(organization, 1, keysAtOnce, keysWithin); wait > 0 {
			return nil, apierr.TooManyRequests(wait)
		}
	}
	leave, err := join(ctx, s.keys, organization)
	if err != nil {
		return nil, err
	}
	if err := s.cores.Acquire(ctx, 1); err != nil {
		leave()
		return nil, err
	}
	return func() {
		s.cores.Release(1)
		leave()
	}, nil
}

// follow lets one more client follow a log of an organization, and returns also what lets it follow one more Pod. The error is a 429 if too many
// clients do.
func (s *shares) follow(ctx context.Context, organization string) (stream func() (func(), bool), end func(), err error) {
	most := int64(policy.LogFollowers(s.policy(ctx, organization)))
	end, ok := s.followers.Take(organization, 1, most)
	if !ok {
		return nil, nil, apierr.TooManyRequests(busy)
	}
	return func() (func(), bool) { return s.streams.Take(organization, 1, streamsEach*most) }, end, nil
}
