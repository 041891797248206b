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
	quietTime = time.Second
	// maxDrainDelays is how many times DrainDelay is waited for that at most.
	maxDrainDelays = 3
)

// drain ends the API server gently: first /readyz fails and clients are sent to other connections, then, when load balancers have seen that,
// no more are taken. Requests that are being served are finished; those that would go on for ever end as if there were no more to say.
func (s *Server) drain(ctx context.Context, api *http.Server, came *arrivals) error {
	s.stopping.Store(true)
	s.log.Info("stopping", "drainDelay", s.options.DrainDelay)
	came.cease(ctx, s.options.DrainDelay)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		return fmt.Errorf("finish the requests being served: %w", errors.Join(err, api.Close()))
	}
	return nil
}

// arrivals knows when the last connection came.
type arrivals struct {
	// last is in nanoseconds since 1970.
	last atomic.Int64
}

// note is an http.Server's ConnState.
func (a *arrivals) note(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		a.last.Store(time.Now().UnixNano())
	}
}

// cease waits for a delay, and as long after it as connections still come, up to maxDrainDelays: a node that has much to do may lead connections to
// a Pod that ends for longer than anybody would say beforehand, and whoever comes after the listener's end is refused.
func (a *arrivals) cease(ctx context.Context, delay time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, maxDrainDelays*delay)
	defer cancel()
	for wait := delay; wait > 0; wait = quietTime - time.Since(time.Unix(0, a.last.Load())) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
