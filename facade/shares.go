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
	"github.com/berth-dev/berth/facade/internal/mw"
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
	// allBodies is how many of all organizations. Reading one takes a few times its size for a moment.
	allBodies = 48 << 20
	// bytesPerSecond is how many bytes of bodies are read for an organization that is not trusted, and how many of answers are sent, within a second in
	// the long run; twice as many at once. More than that takes whole cores.
	bytesPerSecond = 4 << 20
	// keysAtOnce is how many private keys are generated for such an organization within keysWithin.
	keysAtOnce = 5
	// logsPerSecond is how many logs of such an organization begin to be read or followed within a second in the long run; twice as many at once. Each
	// asks the API server, and the kubelets.
	logsPerSecond = 20
	keysWithin    = 10 * time.Second
)

// shares are what each organization may have of this server at the same time.
type shares struct {
	// policy returns the policy of an organization.
	policy func(ctx context.Context, organization string) v1alpha1.Organization

	requests, generated limit.Volume
	logs                limit.Volume
	received, answered  limit.Volume
	followers, streams  limit.Slots
	// bodies and answers are bytes in memory, unsent bytes that were promised to clients.
	bodies, answers, unsent limit.Slots
	// reads are of logs, and keys are private keys that are generated.
	reads, keys *limit.Queue
	// cores bounds how many keys are generated for all organizations.
	cores *semaphore.Weighted
}

func newShares(policy func(ctx context.Context, organization string) v1alpha1.Organization) *shares {
	return &shares{
		policy: policy,
		bodies: limit.Slots{Total: allBodies}, answers: limit.Slots{Total: allAnswers},
		reads: limit.NewQueue(4, 32), keys: limit.NewQueue(1, 8),
		cores: semaphore.NewWeighted(max(1, int64(runtime.GOMAXPROCS(0)/2))),
	}
}

// bound is middleware that refuses a request if its organization exceeds its share of requests, and counts the bytes of the body and the answer. It must
// come after authorization, so that a caller cannot use up the share of another organization.
func (s *shares) bound(c *gin.Context) {
	organization := c.Param("org")
	if organization == "" {
		return
	}
	if most := int64(policy.RequestsPerSecond(s.policy(c.Request.Context(), organization))); most < policy.Unlimited {
		if wait := s.requests.Take(organization, 1, 2*most, 2*time.Second); wait > 0 {
			web.Fail(c, apierr.Busy("The organization sends more requests than its limit, spec.limits.requestsPerSecond, allows. Send fewer.", wait))
			return
		}
	}
	received := func(size int) time.Duration { return s.receive(c.Request.Context(), organization, size) }
	body := &countedBody{
		ReadCloser: c.Request.Body, read: received,
		take: func() (func(), bool) { return s.bodies.Take(organization, bodyStep, maxBodies) },
	}
	c.Request.Body = body
	mw.CountRest(c, func(size int) bool { return received(size) == 0 })
	defer body.release()
	defer s.charge(c)
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
			return 0, apierr.Busy("Too many large requests of the organization are being read. Send fewer at the same time.", busy)
		}
		b.releases, b.left = append(b.releases, release), bodyStep
	}
	n, err := b.ReadCloser.Read(into[:min(len(into), b.left)])
	b.left -= n
	if b.read != nil && n > 0 {
		if wait := b.read(n); wait > 0 {
			return 0, apierr.Busy("Clients of the organization have sent very much within a short time. Send less.", wait)
		}
	}
	return n, err
}

func (b *countedBody) release() {
	for _, release := range b.releases {
		release()
	}
}

// join waits for the turn of an organization in a queue. The error is a 429 if too many wait already; it says of what, and how to use less.
func join(ctx context.Context, queue *limit.Queue, organization, detail string) (leave func(), err error) {
	leave, err = queue.Join(ctx, organization)
	if errors.Is(err, limit.ErrFull) {
		return nil, apierr.Busy(detail, busy)
	}
	return leave, err
}

// receive counts bytes that an organization has sent, and returns how long to wait if there were too many lately.
func (s *shares) receive(ctx context.Context, organization string, size int) time.Duration {
	if s.unlimited(ctx, organization) {
		return 0
	}
	return s.received.Take(organization, int64(size), 2*bytesPerSecond, 2*time.Second)
}

// unlimited reports whether an organization is trusted. Calls that are about all organizations are those of host staff.
func (s *shares) unlimited(ctx context.Context, organization string) bool {
	return organization == "" || policy.RequestsPerSecond(s.policy(ctx, organization)) == policy.Unlimited
}

// log counts that a log of an organization begins to be read or followed. The error is a 429.
func (s *shares) log(ctx context.Context, organization string) error {
	if s.unlimited(ctx, organization) {
		return nil
	}
	if wait := s.logs.Take(organization, 1, 2*logsPerSecond, 2*time.Second); wait > 0 {
		return apierr.Busy("Clients of the organization ask for logs too often. Follow a log with follow=true instead.", wait)
	}
	return nil
}

// generate waits until a private key may be generated for an organization.
func (s *shares) generate(ctx context.Context, organization string) (done func(), err error) {
	if !s.unlimited(ctx, organization) {
		if wait := s.generated.Take(organization, 1, keysAtOnce, keysWithin); wait > 0 {
			return nil, apierr.Busy("The organization has had many private keys generated lately. Use those that it has.", wait)
		}
	}
	leave, err := join(ctx, s.keys, organization, "Too many private keys of the organization are being generated. Ask for one after another.")
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
		const detail = "As many clients follow logs of the organization as its limit, spec.limits.logFollowers, allows. End one of them."
		return nil, nil, apierr.Busy(detail, busy)
	}
	return func() (func(), bool) { return s.streams.Take(organization, 1, streamsEach*most) }, end, nil
}
