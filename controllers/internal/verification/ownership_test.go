package verification

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// answers is a Resolver that takes a second and then answers what is set. It notes when it was asked.
type answers struct {
	mu     sync.Mutex
	values []string
	asked  []time.Time
}

const answerTime = time.Second

func (a *answers) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	a.mu.Lock()
	a.asked = append(a.asked, time.Now())
	values := a.values
	a.mu.Unlock()
	select {
	case <-time.After(answerTime):
		return values, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *answers) set(values ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.values = values
}

var (
	object   = reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "cowork", Name: "www"}}
	question = Question{Host: "www.example.com", Token: "TOKEN", Generation: 1}
)

// start makes a Prover for a bubble of synctest, and the queue that it wakes objects by.
func start(t *testing.T, r Resolver) (*Prover, workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	t.Helper()
	p := New(r, clock.RealClock{})
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	if err := p.Source().Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	return p, queue
}

// woken waits until the object is woken.
func woken(t *testing.T, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	t.Helper()
	got, _ := queue.Get()
	queue.Done(got)
	if got != object {
		t.Errorf("%s was woken, want %s", got, object)
	}
}

// Each lookup comes later than the one before, up to five minutes, and nothing is asked for before its time.
func TestWaitsGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &answers{}
		p, queue := start(t, dns)
		if found, again := p.Ask(object, question); found.State != Unknown || again != 0 {
			t.Errorf("at first: got %s and %s, want %s and no wait", found.State, again, Unknown)
		}
		want := firstWait
		for range 12 {
			woken(t, queue)
			found, again := p.Ask(object, question)
			if found.State != Missing {
				t.Fatalf("got %s, want %s", found.State, Missing)
			}
			if longest := time.Duration(float64(want) * (1 + jitter)); again < want || again > longest {
				t.Errorf("the next lookup is in %s, want between %s and %s", again, want, longest)
			}
			time.Sleep(again / 2)
			before := len(dns.asked)
			p.Ask(object, question)
			time.Sleep(again - again/2)
			if len(dns.asked) != before {
				t.Error("it was looked up before its time")
			}
			if found, again := p.Ask(object, question); found.State != Missing || again != 0 {
				t.Errorf("during a lookup: got %s and %s, want what was found before and no wait", found.State, again)
			}
			want = min(2*want, lastWait)
		}
		woken(t, queue)
	})
}

// A change of the object is looked up at once, and what an old lookup finds is of no use then.
func TestAnotherQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &answers{}
		p, queue := start(t, dns)
		p.Ask(object, question)
		time.Sleep(answerTime / 2)
		dns.set(question.Token)
		changed := question
		changed.Generation++
		if found, again := p.Ask(object, changed); found.State != Unknown || again != 0 {
			t.Errorf("got %s and %s, want %s and no wait", found.State, again, Unknown)
		}
		woken(t, queue)
		if found, _ := p.Ask(object, changed); found.State != Unknown {
			t.Errorf("got %s of the old question", found.State)
		}
		woken(t, queue)
		if found, _ := p.Ask(object, changed); found.State != Proven {
			t.Errorf("got %s, want %s", found.State, Proven)
		}
	})
}

// never is a Resolver that has no answer.
type never struct{}

func (never) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, errors.New("no answer")
}

// A lookup ends, though DNS does not answer.
func TestLookupTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, queue := start(t, never{})
		begun := time.Now()
		p.Ask(object, question)
		woken(t, queue)
		if took := time.Since(begun); took != timeout {
			t.Errorf("the lookup took %s, want %s", took, timeout)
		}
		if found, _ := p.Ask(object, question); found.State != Failed {
			t.Errorf("got %s, want %s", found.State, Failed)
		}
	})
}

// What nobody asks for any more is forgotten.
func TestForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, queue := start(t, &answers{})
		p.Ask(object, question)
		woken(t, queue)
		time.Sleep(forgotten + lastWait)
		p.Ask(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "other", Name: "www"}}, question)
		if len(p.inquiries) != 1 {
			t.Errorf("%d inquiries are kept, want 1", len(p.inquiries))
		}
		time.Sleep(answerTime)
		synctest.Wait()
	})
}
