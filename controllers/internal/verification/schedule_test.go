package verification

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func domain(namespace string, i int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}}
}

// mixed is a Resolver that answers about the zone good.test, and never about others. It counts the questions.
type mixed struct{ answers }

func (m *mixed) LookupTXT(ctx context.Context, name string) ([]string, error) {
	values, err := m.answers.LookupTXT(ctx, name)
	if name != RecordName("good.test")+"." {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return values, err
}

// However many hosts of an organization are asked about, and whatever their name servers do, another organization's is looked up at once.
func TestLookupsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &mixed{}
		dns.set("TOKEN")
		p, queue := start(t, dns)
		for i := range unproven {
			p.Ask(domain("attacker", i), Question{Host: fmt.Sprintf("h.zone%d.test", i), Token: "x"})
		}
		synctest.Wait()
		if len(dns.asked) != atOnceEach {
			t.Errorf("%d lookups run for one organization, want %d", len(dns.asked), atOnceEach)
		}
		p.Ask(object, Question{Host: "good.test", Token: "TOKEN"})
		begun := time.Now()
		woken(t, queue)
		if found, _ := p.Ask(object, Question{Host: "good.test", Token: "TOKEN"}); found.State != Proven || time.Since(begun) != answerTime {
			t.Errorf("the other organization's: %s after %s, want it proven after %s", found.State, time.Since(begun), answerTime)
		}
		if found, again := p.Ask(domain("attacker", unproven), Question{Host: "one.more.test"}); found.State != Crowded || again <= 0 {
			t.Errorf("one too many: got %s and %s", found.State, again)
		}
		time.Sleep(unproven / atOnceEach * timeout)
		synctest.Wait()
		if p.schedule.running+len(p.schedule.of)+len(p.schedule.waiting)+len(p.schedule.order) != 0 {
			t.Errorf("the schedule is not empty: %+v", p.schedule)
		}
	})
}

// An object that changes while it waits for its turn waits once, and is looked up as it is in the end.
func TestChangesWaitOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &answers{}
		p, _ := start(t, dns)
		const hosts = 2 * atOnceEach
		for generation := range int64(100) {
			for i := range hosts {
				p.Ask(domain("cowork", i), Question{Host: fmt.Sprintf("h%d.example.com", i), Token: "x", Generation: generation})
			}
		}
		p.mu.Lock()
		if waiting := len(p.schedule.waiting["cowork"]); waiting > hosts {
			t.Errorf("%d lookups wait for %d Domains", waiting, hosts)
		}
		p.mu.Unlock()
		time.Sleep(hosts * timeout)
		if found, _ := p.Ask(domain("cowork", hosts-1), Question{Host: fmt.Sprintf("h%d.example.com", hosts-1), Token: "x", Generation: 99}); found.State != Missing {
			t.Errorf("the last question: %s, want it looked up", found.State)
		}
		time.Sleep(lastWait)
		synctest.Wait()
	})
}

// Of too many hosts without a proof, those that are gone or were looked up often make room for another.
func TestRoomForAnother(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		// makeRoom is what happens while there is no room, until there is some.
		makeRoom func(p *Prover, ask func())
	}{
		"Gone": {func(p *Prover, _ func()) { p.Forget(domain("cowork", 7)) }},
		"Patient": {func(_ *Prover, ask func()) {
			for range patient {
				time.Sleep(lastWait)
				ask()
				time.Sleep(unproven * answerTime)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, _ := start(t, &answers{})
				ask := func() {
					for i := range unproven {
						p.Ask(domain("cowork", i), Question{Host: fmt.Sprintf("h%d.example.com", i), Token: "x"})
					}
				}
				ask()
				another := func() State {
					found, _ := p.Ask(domain("cowork", unproven), Question{Host: "another.example.com", Token: "x"})
					return found.State
				}
				if got := another(); got != Crowded {
					t.Errorf("without room: %s, want %s", got, Crowded)
				}
				tc.makeRoom(p, ask)
				if got := another(); got != Unknown {
					t.Errorf("with room: %s, want it to be looked up", got)
				}
				time.Sleep(unproven * timeout)
				synctest.Wait()
			})
		})
	}
}

// A zone without answers is asked less and less, and as before once it answers.
func TestZonesThatFail(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	z := zones{}
	for i, want := range []time.Duration{0, 0, firstWait, 2 * firstWait, 4 * firstWait, 8 * firstWait, lastZoneWait, lastZoneWait} {
		z.note(fmt.Sprintf("h%d.example.co.uk", i), true, now)
		if got := z.wait("other.example.co.uk", now); got != want {
			t.Errorf("after %d failures: %s, want %s", i+1, got, want)
		}
	}
	if got := z.wait("other.co.uk", now); got != 0 {
		t.Errorf("another zone waits for %s", got)
	}
	z.note("www.example.co.uk", false, now)
	if len(z) != 0 {
		t.Errorf("a zone that answers is remembered: %v", z)
	}
}

// One name is asked about once at a time, however many Domains have it.
func TestOneLookupForAHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &answers{}
		p, queue := start(t, dns)
		for i := range 3 {
			p.Ask(domain(fmt.Sprint("org", i), i), question)
		}
		for range 3 {
			got, _ := queue.Get()
			queue.Done(got)
		}
		if len(dns.asked) != 1 {
			t.Errorf("%d lookups of one name at the same time", len(dns.asked))
		}
	})
}
