package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/api/v1alpha1"
	"github.com/berth-dev/berth/hack/chaos/fault"
	"github.com/berth-dev/berth/internal/apikey"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

const (
	// crowd is how many clients write at the same time.
	crowd = 16
	// leastAnswered is how many of its requests each of them has to have answered for a storm to count. Many more are, but on a busy machine.
	leastAnswered = 3
)

// storm is clients that write while something goes wrong.
type storm struct {
	organization, key string
	doors             *doors
	figures           *figures
	callers           []*caller
	operators         []*operator
	unsure            atomic.Int64
}

// operate starts an operator, which ends before the last look at the storm's end state at the latest.
func (s *storm) operate(t *testing.T, changes ...func(*operatorOptions)) *operator {
	t.Helper()
	op := startOperator(t, changes...)
	s.operators = append(s.operators, op)
	return op
}

// newStorm makes an organization with a key, in which operators and facades are to be started.
func newStorm(t *testing.T, name, organization string) *storm {
	t.Helper()
	s := &storm{doors: newDoors(t), figures: begin(t, name)}
	s.enter(t, organization)
	return s
}

// enter makes the organization and its key.
func (s *storm) enter(t *testing.T, organization string) {
	t.Helper()
	s.organization = organization
	s.key = newOrganization(t, organizationOf(organization))
}

// newOrganization makes an organization, and returns the key of a manager.
func newOrganization(t *testing.T, organization *v1alpha1.Organization) string {
	t.Helper()
	name := organization.GetName()
	for _, o := range []client.Object{namespaceOf(name), organization} {
		if err := suite.api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	key, token, err := apikey.New(apikey.Spec{Owner: "ann@example.com", Role: apikey.RoleManager, Organizations: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.api.Create(t.Context(), key.Secret(testenv.KeysNamespace)); err != nil {
		t.Fatal(err)
	}
	return token
}

// rage lets the clients write for a while, and disturb do what goes wrong until its context ends; it returns how many faults it has injected.
// Then all of it is over, and what is there has to be what the clients were promised.
func (s *storm) rage(t *testing.T, quick time.Duration, disturb func(ctx context.Context) int) {
	t.Helper()
	s.awaitOpen(t)
	lasts := quick
	if *long {
		lasts *= 6
	}
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var working sync.WaitGroup
	failed := make(chan error, crowd)
	for i := range crowd {
		app := &ledger{organization: s.organization, slug: fmt.Sprintf("%s-%d", s.organization, i)}
		c := &caller{doors: s.doors, key: s.key, chance: chance(app.slug), app: app, unsure: &s.unsure}
		s.callers = append(s.callers, c)
		working.Go(func() {
			if err := c.work(ctx); err != nil {
				failed <- err
			}
		})
	}
	s.figures.Faults += disturb(ctx)
	working.Wait()
	close(failed)
	for err := range failed {
		s.figures.lost(t, "a client gave up: %v", err)
	}
	s.verify(t)
	if s.figures.Faults == 0 || s.answered() < leastAnswered*crowd {
		t.Errorf("%d faults beside %d answers for %d clients show nothing", s.figures.Faults, s.answered(), crowd)
	}
}

// awaitOpen waits until all facades know the organization and the key.
func (s *storm) awaitOpen(t *testing.T) {
	t.Helper()
	asking := &caller{doors: s.doors, key: s.key}
	for range s.doors.urls {
		eventually(t, func(context.Context) error {
			status, said, err := asking.call(http.MethodGet, "/api/containers/"+s.organization+"/apps/", nil)
			if err != nil || status != http.StatusOK {
				return failure(err, status, said)
			}
			return nil
		})
	}
}

// pause waits for a time between two bounds, and tells whether ctx goes on.
func pause(ctx context.Context, of interface{ Int64N(int64) int64 }, least, most time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(least + time.Duration(of.Int64N(int64(most-least)))):
		return true
	}
}

// TestFacadeKilled kills two facades again and again while clients write through both.
func TestFacadeKilled(t *testing.T) {
	s := newStorm(t, "facades killed while 16 clients write", "killed")
	s.operate(t)
	program := build(t, "facade")
	unlimited := []string{"--key-rate=0", "--failed-logins=0"}
	facades := []*process{s.doors.spawn(t, program, unlimited...), s.doors.spawn(t, program, unlimited...)}
	chance := chance(t.Name())
	s.rage(t, 8*time.Second, func(ctx context.Context) int {
		faults := 0
		for pause(ctx, chance, 500*time.Millisecond, 1500*time.Millisecond) {
			p := facades[faults%len(facades)]
			p.kill()
			faults++
			if err := p.start(); err != nil {
				t.Error(err)
			}
		}
		return faults
	})
}

// TestPlaneKilled kills the API server and etcd while clients write.
func TestPlaneKilled(t *testing.T) {
	s := newStorm(t, "API server and etcd killed under load", "plane")
	s.operate(t)
	s.doors.open(t, nil)
	chance := chance(t.Name())
	s.rage(t, 15*time.Second, func(ctx context.Context) int {
		faults := 0
		for pause(ctx, chance, time.Second, 2*time.Second) {
			victim := []string{apiServerProgram, etcdProgram}[chance.IntN(2)]
			if err := suite.plane.kill(victim); err != nil {
				t.Error(err)
			}
			faults++
			pause(ctx, chance, 0, time.Second)
			if err := suite.plane.revive(context.WithoutCancel(ctx), victim); err != nil {
				t.Error(err)
			}
		}
		return faults
	})
}

// TestWatchesCut cuts the streams by which operator and facades learn of what is there.
func TestWatchesCut(t *testing.T) {
	s := newStorm(t, "watch streams cut", "cut")
	cuts := &fault.Cuts{}
	s.operate(t, through(cuts.Wrap))
	s.doors.open(t, cuts.Wrap)
	s.doors.open(t, cuts.Wrap)
	chance := chance(t.Name())
	s.rage(t, 6*time.Second, func(ctx context.Context) int {
		for pause(ctx, chance, 20*time.Millisecond, 200*time.Millisecond) {
			cuts.Cut(func() bool { return chance.IntN(3) == 0 })
		}
		return cuts.Made()
	})
}

// TestRequestsFail lets requests of operator and facades fail by chance.
func TestRequestsFail(t *testing.T) {
	s := newStorm(t, "409, 429, 500, 503, timeouts, lost answers", "fail")
	failures := &fault.Failures{Chance: chance(t.Name()), Rate: 0.08}
	s.operate(t, through(failures.Wrap))
	s.doors.open(t, failures.Wrap)
	s.doors.open(t, failures.Wrap)
	s.rage(t, 8*time.Second, func(ctx context.Context) int {
		failures.Enable(true)
		<-ctx.Done()
		failures.Enable(false)
		return failures.Made()
	})
}
