package facade

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// quietTime is how long no connection has to come for load balancers to be thought to have noticed.
	quietTime = 2 * time.Second
	// maxLate is how much longer than DrainDelay it takes at most.
	maxLate = 10 * time.Second
)

// drain ends the API server gently: first /readyz fails and clients are sent to other connections, then, when load balancers have seen that,
// no more are taken. Requests that are being served are finished; those that would go on for ever end as if there were no more to say.
func (s *Server) drain(ctx context.Context, api *http.Server) error {
	s.stopping.Store(true)
	s.log.Info("stopping", "drainDelay", s.options.DrainDelay)
	began := time.Now()
	s.came.cease(ctx, s.options.DrainDelay)
	s.log.Info("taking no more connections", "after", time.Since(began))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		return fmt.Errorf("finish the requests being served: %w", errors.Join(err, api.Close()))
	}
	return nil
}

// arrivals knows when the last connection came.
type arrivals struct {
	// last is nil before the first.
	last atomic.Pointer[time.Time]
}

// note is an http.Server's ConnState.
func (a *arrivals) note(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		a.last.Store(new(time.Now()))
	}
}

// cease waits for a delay, unless it is 0, and then as long as connections still come, up to maxLate: a node that has much to do may lead
// connections to a Pod that ends for longer than anybody would say beforehand, and whoever comes after the listener's end is refused.
func (a *arrivals) cease(ctx context.Context, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, delay+maxLate)
	defer cancel()
	for wait := delay; wait > 0; wait = a.loud() {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// loud is how long it is until it has been quiet for quietTime, if nothing comes; not above 0 if it has been.
func (a *arrivals) loud() time.Duration {
	last := a.last.Load()
	if last == nil {
		return 0
	}
	return quietTime - time.Since(*last)
}
