// Package verification finds out by DNS whether an organization owns a host: whoever can write the TXT record _berth-challenge.HOST does, and
// writes the organization's token into it.
//
// Lookups run beside the workers of a controller, which are told when there is something new. What was found is kept in memory only: after
// a restart, everything is looked up again.
package verification

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// timeout is how long a lookup may take.
	timeout = 5 * time.Second
	// firstWait is how long after the first lookup comes the next one, which doubles each time up to lastWait.
	firstWait = 5 * time.Second
	lastWait  = 5 * time.Minute
	// jitter is the part of a wait by which it may be longer, so that lookups of many hosts spread.
	jitter = 0.2
	// atOnce is how many lookups run at the same time, and atOnceEach how many of them for one organization.
	atOnce     = 20
	atOnceEach = 4
	// unproven is how many hosts of an organization are looked up that it has not proven yet, and patient is after how many lookups without a proof
	// one of them makes room for another, which is then looked up as often.
	unproven = 100
	patient  = 4
	// forgotten is for how long after its time an inquiry that nobody comes back to is kept.
	forgotten = time.Hour
)

// State is what a lookup says.
type State string

const (
	// Unknown is the state before the first lookup has ended.
	Unknown State = "Unknown"
	// Proven means that a record holds the token.
	Proven State = "Proven"
	// Missing means that there is no record.
	Missing State = "Missing"
	// Different means that there are records, and none holds the token.
	Different State = "Different"
	// Failed means that DNS gave no answer.
	Failed State = "Failed"
	// Crowded means that no lookup is made now, since too many hosts of the organization wait for a proof.
	Crowded State = "Crowded"
)

// Finding is what the last lookup has found.
type Finding struct {
	State State
	// Values are what the records hold instead of the token, the first few of them, shortened.
	Values []string
	// Problem says why a lookup failed. It says the same of the same failure.
	Problem string
}

// Question is what is to be found out for an object. Another one for the same object begins anew.
type Question struct {
	// Host is whose owner is asked for, and Token what that one writes into the record.
	Host, Token string
	// Generation of the object: whoever changes it is told at once.
	Generation int64
}

// Prover finds out who owns hosts.
type Prover struct {
	resolver Resolver
	clock    clock.PassiveClock
	queue    workqueue.TypedRateLimitingInterface[reconcile.Request]

	mu        sync.Mutex
	inquiries map[reconcile.Request]*inquiry
	schedule  schedule
	zones     zones
	same      singleflight.Group
}

// inquiry is how far a question has come.
type inquiry struct {
	question Question
	finding  Finding
	// lookups have been made.
	lookups int
	// running says that one is under way, or waits for its turn.
	running bool
	// due is when the next one is.
	due time.Time
}

// New makes a Prover.
func New(r Resolver, c clock.PassiveClock) *Prover {
	p := &Prover{resolver: r, clock: c, inquiries: map[reconcile.Request]*inquiry{}, zones: zones{}}
	p.schedule.begin = p.begin
	return p
}

// Source wakes an object of a controller when there is something new about its question.
func (p *Prover) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		p.queue = queue
		return nil
	})
}

// Ask returns what is known about an object's question, and when to ask again. That is zero while a lookup is under way: the object is woken
// when it ends. A lookup that is due begins when it is the organization's turn, unless DNS has given no answer about hosts of the same zone lately.
func (p *Prover) Ask(object reconcile.Request, q Question) (Finding, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	i := p.inquiries[object]
	if i == nil || i.question != q {
		p.forget(now)
		if i == nil && !p.makeRoom(object.Namespace) {
			return Finding{State: Crowded}, lastWait
		}
		i = &inquiry{question: q, finding: Finding{State: Unknown}, due: now}
		p.inquiries[object] = i
	}
	if !i.running && i.due.After(now) {
		return i.finding, i.due.Sub(now)
	}
	if i.running {
		return i.finding, 0
	}
	if wait := p.zones.wait(q.Host, now); wait > 0 {
		if i.finding.State == Unknown {
			i.finding = Finding{State: Failed, Problem: noAnswer}
		}
		return i.finding, wait
	}
	i.running = true
	p.schedule.add(object)
	return i.finding, 0
}

// Forget drops what is known about an object that is gone.
func (p *Prover) Forget(object reconcile.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inquiries, object)
}

// makeRoom reports whether one more host of an organization can be looked up. If too many of them wait for a proof, the one that was looked up most
// often makes room, once it was looked up often enough. The lock must be held.
func (p *Prover) makeRoom(organization string) bool {
	count, most, longest := 0, 0, reconcile.Request{}
	for object, i := range p.inquiries {
		if object.Namespace != organization || i.finding.State == Proven {
			continue
		}
		count++
		if !i.running && i.lookups > most {
			most, longest = i.lookups, object
		}
	}
	if count < unproven {
		return true
	}
	if most < patient {
		return false
	}
	delete(p.inquiries, longest)
	return true
}

// begin looks up what is asked about an object, whose turn it is. The lock must be held.
func (p *Prover) begin(object reconcile.Request) {
	i := p.inquiries[object]
	if i == nil { // It was forgotten meanwhile.
		p.schedule.done(object.Namespace)
		return
	}
	go p.lookUp(object, i)
}

func (p *Prover) lookUp(object reconcile.Request, i *inquiry) {
	// Its caller has not waited for it.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	// Of Domains that ask the same, one is looked up at a time. Not of those that ask since something has changed: they are told what there is now.
	shared, _, _ := p.same.Do(fmt.Sprint(i.question), func() (any, error) {
		return lookUp(ctx, p.resolver, i.question.Host, i.question.Token), nil
	})
	finding, _ := shared.(Finding)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.schedule.done(object.Namespace)
	i.finding, i.running = finding, false
	now := p.clock.Now()
	p.zones.note(i.question.Host, finding.State == Failed, now)
	i.due = now.Add(pause(i.lookups))
	i.lookups++
	p.queue.Add(object)
}

// forget drops what nobody has come back to, since its object is gone or needs no answer any more. The lock must be held.
func (p *Prover) forget(now time.Time) {
	maps.DeleteFunc(p.inquiries, func(_ reconcile.Request, i *inquiry) bool { return !i.running && now.Sub(i.due) > forgotten })
	maps.DeleteFunc(p.zones, func(_ string, z *zone) bool { return now.Sub(z.until) > forgotten })
}

// pause returns how long to wait after a number of lookups before the last one.
func pause(before int) time.Duration {
	wait := lastWait
	if before < 10 {
		wait = min(firstWait<<before, lastWait)
	}
	return wait + time.Duration(rand.Float64()*jitter*float64(wait)) //nolint:gosec // Nobody gains by knowing it.
}
