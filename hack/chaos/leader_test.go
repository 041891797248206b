package chaos

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/berth-dev/berth/hack/chaos/fault"
	"github.com/berth-dev/berth/internal/testing/testenv"
)

// leaseName is the Lease that operators agree by.
const leaseName = "berth-operator"

// candidate is an operator that works only while it believes that it leads.
type candidate struct {
	*operator
	// deaf says that its requests for the Lease get no answer.
	deaf atomic.Bool
}

// newCandidate starts an operator that leads if no other does. It believes in that for long, though the API server doesn't answer it.
func newCandidate(t *testing.T, s *storm) *candidate {
	t.Helper()
	c := &candidate{}
	c.operator = s.operate(t, through(c.wrap), func(o *operatorOptions) {
		m := &o.manager
		m.LeaderElection, m.LeaderElectionID, m.LeaderElectionNamespace = true, leaseName, testenv.Namespace
		m.LeaseDuration, m.RenewDeadline, m.RetryPeriod = new(2*time.Minute), new(time.Minute), new(100*time.Millisecond)
	})
	return c
}

// wrap keeps answers about the Lease from a deaf candidate.
func (c *candidate) wrap(next http.RoundTripper) http.RoundTripper {
	return fault.RoundTripper(func(r *http.Request) (*http.Response, error) {
		if c.deaf.Load() && strings.Contains(r.URL.Path, "/leases/") {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return next.RoundTrip(r)
	})
}

// isClosed tells whether a channel is, that of a candidate's election or end.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestTwoLeaders lets a second operator lead while the first still believes that it does, since nobody answers it about the Lease.
func TestTwoLeaders(t *testing.T) {
	s := newStorm(t, "two operators that both believe they lead", "two")
	leader, chance := newCandidate(t, s), chance(t.Name())
	s.doors.open(t, nil)
	s.rage(t, 10*time.Second, func(ctx context.Context) int {
		faults := 0
		for ctx.Err() == nil {
			next := newCandidate(t, s)
			leader.deaf.Store(true)
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.Namespace, Name: leaseName}}
			if err := suite.api.Delete(context.WithoutCancel(ctx), lease); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
			eventually(t, func(context.Context) error {
				if !isClosed(next.mgr.Elected()) {
					return errors.New("the second operator doesn't lead")
				}
				return nil
			})
			faults++
			pause(context.WithoutCancel(ctx), chance, 2*time.Second, 3*time.Second)
			if isClosed(leader.ended) {
				t.Error("the first operator has given up: they haven't worked at the same time for long")
			}
			leader.stop()
			leader = next
		}
		return faults
	})
}
