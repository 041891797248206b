package image

import (
	"context"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/berth-dev/berth/internal/registry"
)

const (
	// timeout bounds all requests for one image.
	timeout = 10 * time.Second
	// glance is for how long the caller that asks first waits for the answer, which most registries give within it.
	glance = 250 * time.Millisecond
	// patience is for how long callers should wait for a registry that has not answered yet, from when it was asked.
	patience = 3 * time.Second
	// queued is the same for a registry that is not asked yet, since the organization has as many requests under way as it may.
	queued = 15 * time.Second
	// slowAgain is when a caller whose patience has ended asks again.
	slowAgain = 5 * time.Second
	// firstRetry is how long an image, or a registry that cannot be reached, is left alone after a failure; each further one doubles it, up to lastRetry.
	firstRetry, lastRetry = 15 * time.Second, 10 * time.Minute
	// maxAnswers is how many Apps' answers are remembered, and maxHosts how many registries that cannot be reached.
	maxAnswers, maxHosts = 8192, 1024
	// maxAtOnce is how many images are asked for at the same time, and maxOfOrganization how many of one organization's.
	maxAtOnce, maxOfOrganization = 16, 4
)

// Question is what an App wants to know.
type Question struct {
	// App asks. Only its last question is remembered.
	App types.UID
	// Organization of the App, which has its share of the requests.
	Organization string
	// Reference of the image.
	Reference string
	// Version tells the questions of one App about one reference apart: a tag may mean another image to the next one.
	Version string
	// Login reads the App's logins. It is called before the registry is asked.
	Login func(ctx context.Context) (authn.Keychain, error)
}

// Resolver asks registries in the background and remembers what they said, or that they failed. Its methods may be called at the same time.
type Resolver struct {
	client *Client
	clock  clock.PassiveClock

	mu      sync.Mutex
	answers *lru.Cache
	hosts   *lru.Cache
	// running counts the requests under way, by organization and in all.
	running map[string]int
	all     int
}

// New returns a Resolver that has asked nothing yet.
func New(client *Client, c clock.PassiveClock) *Resolver {
	return &Resolver{client: client, clock: c, answers: lru.New(maxAnswers), hosts: lru.New(maxHosts), running: map[string]int{}}
}

// entry is what is known of a question. The Resolver's lock guards it.
type entry struct {
	reference, version string
	// asked is when the question came up, and started when the registry was asked; zero before.
	asked, started time.Time
	// done is closed when the registry has answered; nil while it is not asked.
	done  <-chan struct{}
	image Image
	// failure of the last try, how many there were in a row, and when the next may be.
	failures
}

// failures are those of an image or a registry.
type failures struct {
	last    *Error
	count   int
	retryAt time.Time
}

func (f *failures) add(err *Error, now time.Time) {
	pause := lastRetry
	if f.count < 6 {
		pause = min(lastRetry, firstRetry<<f.count)
	}
	f.count++
	f.last, f.retryAt = err, now.Add(pause)
}

// open returns the failure, with the time until it may be tried again; nil if it may.
func (f *failures) open(now time.Time) *Error {
	if f.last == nil || !now.Before(f.retryAt) {
		return nil
	}
	return &Error{Class: f.last.Class, Status: f.last.Status, RetryAfter: f.retryAt.Sub(now)}
}

// Get returns what an image is, once its registry has answered. Until then, it returns ErrPending, and later an *Error that says when to ask again.
func (r *Resolver) Get(ctx context.Context, q Question) (Image, error) {
	e, done := r.begin(ctx, q)
	if done != nil {
		select {
		case <-done:
		case <-time.After(glance):
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer(e, registryOf(q))
}

// answer returns what is known; the lock is held.
func (r *Resolver) answer(e *entry, host string) (Image, error) {
	now := r.clock.Now()
	if e.image.Digest != "" {
		return e.image, nil
	}
	if failure := e.open(now); failure != nil {
		return Image{}, failure
	}
	if e.done == nil {
		if failure := r.host(host).open(now); failure != nil {
			return Image{}, failure
		}
	}
	if e.last != nil {
		return Image{}, &Error{Class: e.last.Class, Status: e.last.Status, RetryAfter: slowAgain}
	}
	if e.done != nil && now.Sub(e.started) < patience || e.done == nil && now.Sub(e.asked) < queued {
		return Image{}, ErrPending
	}
	return Image{}, &Error{Class: Unreachable, RetryAfter: slowAgain}
}

// begin finds the entry of a question and asks the registry if it is time. The channel is closed when the registry has answered; it is nil if the
// registry was not asked now.
func (r *Resolver) begin(ctx context.Context, q Question) (*entry, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	e := r.entry(q, now)
	host := registryOf(q)
	if e.image.Digest != "" || e.done != nil || e.open(now) != nil || r.host(host).open(now) != nil {
		return e, nil
	}
	running := r.running[q.Organization]
	if r.all >= maxAtOnce || running >= maxOfOrganization || running > 0 && r.all >= maxAtOnce/2 { // The rest is for who has none.
		return e, nil
	}
	r.all++
	r.running[q.Organization]++
	done := make(chan struct{})
	e.started, e.done = now, done
	// Not the caller's context: the next reconcile takes the answer.
	go r.ask(context.WithoutCancel(ctx), q, e, done)
	return e, done
}

// entry returns that of a question, which takes the place of the App's last one; the lock is held.
func (r *Resolver) entry(q Question, now time.Time) *entry {
	if known, ok := r.answers.Get(q.App); ok {
		if e, ok := known.(*entry); ok && e.reference == q.Reference && e.version == q.Version {
			return e
		}
	}
	e := &entry{reference: q.Reference, version: q.Version, asked: now}
	r.answers.Add(q.App, e)
	return e
}

// registryOf returns the registry of a question as the Resolver knows it. Each organization has its own view, so that none can make others wait.
func registryOf(q Question) string { return q.Organization + " " + registry.Of(q.Reference) }

// host returns the failures of a registry; the lock is held.
func (r *Resolver) host(host string) *failures {
	if known, ok := r.hosts.Get(host); ok {
		if f, ok := known.(*failures); ok {
			return f
		}
	}
	return &failures{}
}

// ask asks the registry and notes what it says.
func (r *Resolver) ask(ctx context.Context, q Question, e *entry, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := r.get(ctx, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(done)
	r.all--
	r.running[q.Organization]--
	if r.running[q.Organization] == 0 {
		delete(r.running, q.Organization)
	}
	e.done = nil
	now, host := r.clock.Now(), registryOf(q)
	if err == nil {
		e.image = found
		r.hosts.Remove(host)
		return
	}
	failure := classify(ctx, err)
	e.add(failure, now)
	if failure.Class != Unreachable {
		r.hosts.Remove(host)
		return
	}
	f := r.host(host)
	if f.open(now) == nil { // Not once more for each of those that were under way.
		f.add(failure, now)
		r.hosts.Add(host, f)
	}
}

func (r *Resolver) get(ctx context.Context, q Question) (Image, error) {
	login, err := q.Login(ctx)
	if err != nil {
		return Image{}, &Error{Class: Denied} // It is not the registry that fails.
	}
	return r.client.Get(ctx, q.Reference, login)
}

// Forget forgets what an App has asked for.
func (r *Resolver) Forget(app types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers.Remove(app)
}
