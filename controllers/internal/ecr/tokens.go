// Package ecr gets tokens for the registries of Amazon ECR that a role may read: it assumes the role and asks ECR, shares what it gets among
// all that name the role, and asks AWS no more often than it has to.
package ecr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
)

// User is the user name that belongs to every token.
const User = "AWS"

const (
	// fetchTimeout bounds one try to get a token, with all that the SDK repeats.
	fetchTimeout = 30 * time.Second
	// patience is for how long a caller waits for that. AWS may be slow, but then other Apps shall not wait for a worker. Once it has ended,
	// nobody waits for the region until AWS has answered in time again.
	patience = 10 * time.Second
	// glance is for how long a caller waits while maxWaiting others do, since each holds a worker. AWS answers within it.
	glance     = time.Second
	maxWaiting = 2
	// maxFetches is how many tokens are asked for at the same time, and maxOfOrganization how many of one organization's.
	maxFetches, maxOfOrganization = 32, 8
	// pendingRetry is when a caller whose patience has ended asks again.
	pendingRetry = 5 * time.Second

	// firstRetry is how long AWS is left alone after a failure, or up to a quarter less; each further one doubles it, up to lastRetry.
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
	// firstDemand is how old a token has to be to be replaced since a registry refused it; each replacement in a row doubles it, up to
	// lastDemand, since a registry that refuses new tokens too goes by something else.
	firstDemand = 30 * time.Second
	lastDemand  = 30 * time.Minute
)

// Role is whom AWS gives a token to. A token opens every registry of the region that the role may read, whatever its account, so that all
// who name the same role, external id and region share one.
type Role struct {
	ARN, ExternalID, Region string
}

// Token is the password for the user AWS.
type Token struct {
	// Password is secret.
	Password string
	// IssuedAt, RefreshAt and ExpiresAt say since when it is, when it is to be replaced, and when it ends.
	IssuedAt, RefreshAt, ExpiresAt time.Time
}

// Tokens gets tokens and keeps them. Its methods may be called at the same time.
type Tokens struct {
	platform platform
	clock    clock.PassiveClock
	flight   singleflight.Group

	mu      sync.Mutex
	entries map[Role]*entry
	// slow are the regions that AWS last didn't answer in time for.
	slow map[string]bool
	// further are regions beside those that AWS is known to have.
	further map[string]bool
	// waiting is how many callers wait for an answer.
	waiting int
	// fetches counts those under way, by the external id of their organization and in all.
	fetches map[string]int
	all     int
}

// entry is what is known of a role.
type entry struct {
	token Token
	// demands counts the tokens in a row that were replaced since a registry refused them.
	demands int
	// failure of the last try, how many there were in a row, and when the next may be.
	failure  *Error
	failures int
	retryAt  time.Time
}

// New returns Tokens without any. AWS has the further regions as well.
func New(c clock.PassiveClock, further ...string) *Tokens {
	return &Tokens{clock: c, entries: map[Role]*entry{}, slow: map[string]bool{}, fetches: map[string]int{}, further: regionSet(further...)}
}

// KnowsRegion reports whether AWS has a region.
func (t *Tokens) KnowsRegion(name string) bool { return regions[name] || t.further[name] }

// Get returns a token for a role. Those that were issued at the time refused, or before, are taken not to work any more; zero if there is
// nothing against them. The session is the name that AWS logs for the call, if there is one: as tokens are shared, it is that of the first
// who asks.
//
// The error is an *Error. The token beside it is the last one if that still holds, or else empty.
func (t *Tokens) Get(ctx context.Context, role Role, session string, refused time.Time) (Token, error) {
	if token, err, known := t.known(role, refused); known {
		return token, err
	}
	// Not the caller's context: others wait for the same call.
	fetched := t.flight.DoChan(fmt.Sprintf("%q", role), func() (any, error) {
		if token, err, known := t.known(role, refused); known {
			return token, err
		}
		return t.fetch(context.WithoutCancel(ctx), role, session, refused)
	})
	patience, done := t.wait(role.Region)
	defer done()
	waited, stop := context.WithTimeout(ctx, patience)
	defer stop()
	select {
	case answer := <-fetched:
		token, _ := answer.Val.(Token)
		return token, answer.Err
	case <-waited.Done():
		return t.giveUp(ctx, role, patience)
	}
}

// giveUp returns what there is for a caller whose patience, or context, has ended.
func (t *Tokens) giveUp(ctx context.Context, role Role, waited time.Duration) (Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() == nil && waited == patience {
		t.slow[role.Region] = true
	}
	return t.pending(role, tooSlow)
}

// pending returns what there is for a caller that comes again soon; the lock is held.
func (t *Tokens) pending(role Role, said string) (Token, error) {
	failure := &Error{Kind: Unavailable, Said: said, RetryAfter: pendingRetry}
	if e, ok := t.entries[role]; ok {
		return e.holding(t.clock.Now()), failure
	}
	return Token{}, failure
}

// known returns what Get returns without asking AWS, if it may not or need not ask.
func (t *Tokens) known(role Role, refused time.Time) (Token, error, bool) { //nolint:revive // The error is a part of what is known.
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[role]
	if !ok {
		return Token{}, nil, false
	}
	now := t.clock.Now()
	if e.failure != nil && now.Before(e.retryAt) {
		failure := *e.failure
		failure.RetryAfter = e.retryAt.Sub(now)
		return e.holding(now), &failure, true
	}
	// One that was issued by a clock that was ahead would count as too young to be replaced until that time has come.
	ahead := e.token.IssuedAt.After(now)
	fresh := !ahead && (e.token.IssuedAt.After(refused) || now.Before(e.token.IssuedAt.Add(e.demandPause())))
	if e.failure == nil && fresh && now.Before(e.token.RefreshAt) {
		return e.token, nil, true
	}
	return Token{}, nil, false
}

// fetch asks AWS and keeps what comes of it.
func (t *Tokens) fetch(ctx context.Context, role Role, session string, refused time.Time) (Token, error) {
	if !t.begin(role.ExternalID) {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.pending(role, tooMany)
	}
	defer t.end(role.ExternalID)
	ctx, stop := context.WithTimeout(ctx, fetchTimeout)
	defer stop()
	issued := t.clock.Now()
	password, expires, err := t.platform.token(ctx, role, session)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if now.Sub(issued) < patience {
		delete(t.slow, role.Region)
	}
	t.forget(now)
	e := t.entries[role]
	if e == nil {
		e = &entry{}
		t.entries[role] = e
	}
	if err == nil && !now.Before(expires) {
		err = &Error{Kind: Unavailable, Said: ended}
	}
	if err != nil {
		return e.holding(now), e.fail(err, now)
	}
	demands := 0
	if !e.token.IssuedAt.IsZero() && !e.token.IssuedAt.After(refused) && issued.Before(e.token.RefreshAt) {
		demands = e.demands + 1
	}
	token := Token{Password: password, IssuedAt: issued, RefreshAt: refreshAt(issued, expires), ExpiresAt: expires}
	*e = entry{token: token, demands: demands}
	return token, nil
}

// forget drops the roles that nobody has asked for since their tokens ended.
func (t *Tokens) forget(now time.Time) {
	maps.DeleteFunc(t.entries, func(_ Role, e *entry) bool {
		return now.After(e.token.ExpiresAt) && now.After(e.retryAt.Add(lastRetry))
	})
}

// fail notes that a try has failed, and returns the failure with the time until the next.
func (e *entry) fail(err error, now time.Time) *Error {
	failure, ok := errors.AsType[*Error](err)
	if !ok {
		failure = &Error{Kind: Unavailable, Said: unreachable}
	}
	pause := grown(firstRetry, e.failures, lastRetry)
	failure.RetryAfter = pause - jitter(pause/4)
	e.failure, e.retryAt = failure, now.Add(failure.RetryAfter)
	e.failures++
	return failure
}

func (e *entry) demandPause() time.Duration { return grown(firstDemand, e.demands, lastDemand) }

// holding returns the token if it hasn't ended.
func (e *entry) holding(now time.Time) Token {
	if now.Before(e.token.ExpiresAt) {
		return e.token
	}
	return Token{}
}

// refreshAt returns when a token is to be replaced: after half of its life, or up to a fifth of that sooner, so that not all roles have
// theirs replaced at the same time.
func refreshAt(issued, expires time.Time) time.Time {
	half := expires.Sub(issued) / 2
	return issued.Add(half - jitter(half/5))
}

// grown doubles a pause as often as says, up to a most.
func grown(pause time.Duration, often int, most time.Duration) time.Duration {
	for range often {
		if pause *= 2; pause >= most {
			return most
		}
	}
	return pause
}

// jitter returns a duration by chance, less than most.
func jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most) //nolint:gosec // Whoever guesses it gains nothing.
}
